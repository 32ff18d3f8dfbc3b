/**
 * Builds the packages in dependency order, two at a time, and passes over those whose inputs are as they were.
 *
 * `--force` builds all; `--demo` only what the demo runs, without declarations. One line a package built; its whole output
 * where it fails. A package's build has a line shown by printing `note: ...` (e.g. that the addon was left out, and why).
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { installMissing } from './install.mjs'
import { root, workspacePackages } from './packages.mjs'
import { run } from './run.mjs'

const CONCURRENCY = 2
const NOT_INPUTS = new Set([
  'node_modules',
  'dist',
  'docs',
  'build',
  'prebuilds',
  'test',
  'README.md',
])
/** What else a build leaves. */
const WHOLE = { '@pollout/backend-native': ['prebuilds'] }
/** In the stamp of what was built for the demo alone. */
const PARTIAL = ' without declarations'
const stamps = join(root, 'node_modules/.cache/build')

const force = process.argv.includes('--force')
const forDemo = process.argv.includes('--demo')
const packages = new Map(workspacePackages().map((p) => [p.name, p]))
const hashes = new Map()
const builds = new Map()
let free = CONCURRENCY
const waiting = []

installMissing({ forDemo })
mkdirSync(stamps, { recursive: true })
const wanted = forDemo ? neededBy('@pollout/demo') : packages.keys()
const results = await Promise.all([...wanted].map(build))
if (results.includes(false)) process.exitCode = 1

/** Resolves to false where the package, or one it depends on, could not be built. */
function build(name) {
  const { manifest } = packages.get(name)
  if (!builds.has(name))
    builds.set(name, manifest.scripts?.build ? buildOnce(name) : Promise.resolve(true))
  return builds.get(name)
}

async function buildOnce(name) {
  const { dir, manifest, uses } = packages.get(name)
  const hash = inputHash(name)
  // They are waited for because of their declarations.
  const before = forDemo ? [] : await Promise.all(uses.map(build))
  if (before.includes(false)) return false

  const stamp = join(stamps, name.replace('/', '+'))
  const isWhole = [manifest.main ?? 'dist', ...(WHOLE[name] ?? [])].every((made) =>
    existsSync(join(dir, made)),
  )
  const stamped = existsSync(stamp) ? readFileSync(stamp, 'utf8') : ''
  const isCurrent = isWhole && (stamped === hash || (forDemo && stamped === hash + PARTIAL))
  if (isCurrent && !force) return true

  await slot()
  // Gone while the build runs, so that an interrupted one is never taken for a finished one.
  rmSync(stamp, { force: true })
  // The command ends with tsup.
  const command = forDemo ? `${manifest.scripts.build} --no-dts` : manifest.scripts.build
  const { code, output, time, note } = await run('sh', ['-c', command], dir)
  release()
  if (code !== 0) {
    console.error(`${name} could not be built:\n${output}`)
    return false
  }
  // A build that has something to remark, like a missing compiler, is tried again the next time.
  if (!note) writeFileSync(stamp, forDemo ? hash + PARTIAL : hash)
  console.log(`built ${name} in ${time}${note ? `, note: ${note}` : ''}`)
  return true
}

/** Those that the package needs to run, and then itself. */
function neededBy(name) {
  const used = Object.keys(packages.get(name).manifest.dependencies ?? {})
  return new Set([
    ...used.filter((other) => packages.has(other)).flatMap((o) => [...neededBy(o)]),
    name,
  ])
}

/** Covers the package's own files, those of the packages it uses, and what all builds depend on. */
function inputHash(name) {
  const known = hashes.get(name)
  if (known === 'in work')
    throw new Error(`the packages depend on each other in a circle, at ${name}`)
  if (known) return known
  hashes.set(name, 'in work')

  const { dir, uses } = packages.get(name)
  const hash = createHash('sha256')
  hash.update([process.versions.modules, process.platform, process.arch].join())
  const shared = ['tsconfig.base.json', 'pnpm-lock.yaml'].map((file) => join(root, file))
  for (const file of [...shared, ...filesUnder(dir)]) {
    hash.update(`\0${relative(root, file)}\0`)
    hash.update(readFileSync(file))
  }
  for (const used of uses) hash.update(inputHash(used))
  hashes.set(name, hash.digest('hex'))
  return hashes.get(name)
}

function filesUnder(dir) {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => !NOT_INPUTS.has(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(dir, entry.name)
      if (entry.isDirectory()) return filesUnder(path)
      return entry.isFile() ? [path] : []
    })
}

function slot() {
  if (free > 0) {
    free--
    return
  }
  return new Promise((resolve) => waiting.push(resolve))
}

function release() {
  const next = waiting.shift()
  if (next) next()
  else free++
}
