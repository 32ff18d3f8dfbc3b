/**
 * All checks but the tests, two at a time: one line of outcome each, the whole output of those that fail.
 *
 * `pnpm run check` runs all of them, `pnpm run check types lint` only the named ones.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packedFaults } from './check-packed.mjs'
import { packAll } from './packed.mjs'
import { run, secondsSince } from './run.mjs'
import { billOfMaterials } from './sbom.mjs'

const checks = {
  build: () => run('node', ['scripts/build.mjs']),
  // The longest: all others take as long as it does.
  native: () => run('node', ['packages/backend-native/scripts/lint-native.mjs']),
  types: () => run('tsc', ['--noEmit', '-p', 'tsconfig.json']),
  // Apart from all else: only it knows a browser's globals.
  'page-types': () => run('tsc', ['--noEmit', '-p', 'packages/pollout/report-page/tsconfig.json']),
  lint: () =>
    all([
      run('biome', ['check', '--error-on-warnings', '--max-diagnostics=100']),
      run('prettier', ['--check', '**/*.md']),
    ]),
  dependencies: () => run('depcruise', ['packages']),
  unused: () => run('knip', ['--no-config-hints']),
  documents: () =>
    all([
      run('node', ['scripts/generate-docs.mjs', '--check']),
      run('node', ['scripts/draw-floors.mjs', '--check']),
      run('node', ['scripts/figures.mjs', '--check']),
      run('node', ['scripts/check-examples.mjs']),
      run('node', ['scripts/generate-reference.mjs']),
    ]),
  packages: checkPackages,
  addons: () => run('node', ['packages/backend-native/scripts/check-addons.mjs']),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(checks, name))
if (unknown.length > 0) {
  throw new Error(`no check ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`)
}

/** All others look at what the build makes. */
const WITHOUT_BUILD = ['native', 'types', 'page-types', 'lint']

const asked = wanted.length > 0 ? wanted : Object.keys(checks)
const waiting = asked.filter((name) => name !== 'build')
if (asked.some((name) => !WITHOUT_BUILD.includes(name))) await check('build')
await Promise.all([checkOn(), checkOn()])

async function checkOn() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await check(name)
}

async function check(name) {
  const { code, output, time, note } = await checks[name]()
  console.log(`${name}: ${code === 0 ? 'ok' : 'FAILED'} (${time})${note ? `, note: ${note}` : ''}`)
  if (code === 0) return
  console.log(output)
  process.exitCode = 1
}

/** Packs the public packages as they would be published, and has publint, attw, npm and checks of ours look at the archives. */
async function checkPackages() {
  const place = mkdtempSync(join(tmpdir(), 'pollout-pack-'))
  try {
    const packages = await packAll(place)
    return await all([
      ...packages.flatMap(({ archive }) => [
        run('publint', ['run', archive, '--strict', '--pack', 'false']),
        run('attw', [archive]),
      ]),
      checkPublishedTypes(packages),
      checkRelease(packages),
    ])
  } finally {
    rmSync(place, { recursive: true })
  }
}

async function checkRelease(packages) {
  const faults = await packedFaults(packages, await billOfMaterials(packages))
  return { code: faults.length > 0 ? 1 : 0, output: faults.join('\n') }
}

/** As a user's compiler sees them who has it check libraries too: what `stripInternal` took away must not be missed. */
function checkPublishedTypes(places) {
  const files = places.flatMap(({ dir }) =>
    readdirSync(join(dir, 'dist'), { recursive: true })
      .filter((file) => /\.d\.c?ts$/.test(file))
      .map((file) => join(dir, 'dist', file)),
  )
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false']
  const module = ['--module', 'nodenext', '--target', 'es2022', '--types', 'node']
  // The DOM's are for what the adapters' clients declare.
  const lib = ['--lib', 'es2023,dom,esnext.disposable']
  return run('tsc', ['--noEmit', ...strict, ...module, ...lib, ...files])
}

/** Several runs as one: fails where any does, with the output of those that do. */
async function all(runs) {
  const started = performance.now()
  const results = (await Promise.all(runs)).flat()
  const failures = results.filter(({ code }) => code !== 0)
  return {
    code: failures.length > 0 ? 1 : 0,
    output: failures.map(({ output }) => output).join('\n'),
    time: secondsSince(started),
    note: results.find(({ note }) => note)?.note,
  }
}
