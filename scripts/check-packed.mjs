/** What is wrong with the packages that a release would publish: fields, versions, files, licences, and what npm itself says. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './packages.mjs'
import { fileIn } from './packed.mjs'
import { run } from './run.mjs'
import { licenceFaults, thirdPartyIn } from './sbom.mjs'

/** What a package has beside `dist`: these, and nothing else. */
const EVERYWHERE = ['LICENSE', 'README.md', 'package.json']
const BESIDE = {
  '@pollout/core': () => [
    'docs/07-a-backend.ts',
    'docs/backend.ts',
    'docs/bulk.ts',
    'docs/conformance.test.ts',
    'docs/semantics.md',
    'docs/subject.ts',
    'docs/writing-a-backend.md',
  ],
  '@pollout/backend-native': (dir) => [
    // All but what tells clang-format and clang-tidy what to do.
    ...readdirSync(join(dir, 'native'))
      .filter((file) => !file.startsWith('.'))
      .map((file) => `native/${file}`),
    'prebuilds/linux-arm64/pollout.node',
    'prebuilds/linux-x64/pollout.node',
    'scripts/build-addon.mjs',
    'scripts/build-lock.mjs',
    'scripts/compile.mjs',
  ],
}
const BUILT = /^dist\/.*\.(js|cjs|d\.ts|d\.cts)$/
const ALSO_BUILT = { pollout: ['dist/report-style.css', 'dist/third-party-licenses.txt'] }

/** Of what packAll() and billOfMaterials() give. */
export async function packedFaults(packages, bom) {
  const versions = new Set(packages.map(({ manifest }) => manifest.version))
  const apart = versions.size > 1 ? [`versions differ: ${[...versions].join(', ')}`] : []
  const each = await Promise.all(
    packages.map(async (one) => {
      const faults = [
        ...fieldFaults(one),
        ...dependencyFaults(one, packages),
        ...fileFaults(one),
        ...(await bundlingFaults(one)),
        ...(await publishingFaults(one)),
      ]
      return faults.map((fault) => `${one.name}: ${fault}`)
    }),
  )
  return [...apart, ...each.flat(), ...licenceFaults(bom)]
}

/** Those of the root's package.json, which is the one place where they are decided. */
function fieldFaults({ dir, manifest }) {
  const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { author, homepage, bugs, license } = ours
  const repository = { ...ours.repository, directory: relative(root, dir) }
  const wanted = { author, homepage, bugs, license, repository }
  return Object.entries(wanted)
    .filter(([field, value]) => JSON.stringify(manifest[field]) !== JSON.stringify(value))
    .map(([field, value]) => `${field} is not ${JSON.stringify(value)}`)
}

function dependencyFaults({ manifest }, packages) {
  const { dependencies, peerDependencies, optionalDependencies, devDependencies } = manifest
  const all = [dependencies, peerDependencies, optionalDependencies, devDependencies]
  const local = all
    .flatMap((list) => Object.entries(list ?? {}))
    .filter(([, range]) => /^(workspace|file|link|catalog):/.test(range))
  const ours = packages.filter(({ name }) => dependencies?.[name] !== undefined)
  const other = ours.filter(({ name }) => dependencies[name] !== `^${manifest.version}`)
  // npm runs these when it installs, or blocks them: docs/decisions.md, 62.
  const hooks = ['preinstall', 'install', 'postinstall'].filter((hook) => manifest.scripts?.[hook])
  return [
    ...local.map(([name, range]) => `${name} is ${range}, which leads nowhere outside`),
    ...other.map(({ name }) => `${name} is ${dependencies[name]}, not of this version`),
    ...hooks.map((hook) => `has a script ${hook}`),
  ]
}

function fileFaults({ name, dir, files }) {
  const wanted = [...EVERYWHERE, ...(BESIDE[name]?.(dir) ?? []), ...(ALSO_BUILT[name] ?? [])]
  const missing = wanted.filter((file) => !files.includes(file))
  const extra = files.filter((file) => !wanted.includes(file) && !BUILT.test(file))
  return [
    ...missing.map((file) => `${file} is not packed`),
    ...extra.map((file) => `${file} is packed`),
  ]
}

/** Of what esbuild bundles it says where it was, if it does not minify. */
async function bundlingFaults({ archive, files }) {
  const passedOn = new Set((await thirdPartyIn(archive, files)).map(({ name }) => name))
  const bundled = new Set()
  for (const file of files.filter((file) => /^dist\/.*js$/.test(file))) {
    const code = await fileIn(archive, file)
    for (const [, name] of code.matchAll(/^\/\/ .*node_modules\/((?:@[^/\s]+\/)?[^/\s]+)\//gm)) {
      bundled.add(name)
    }
  }
  return [...bundled]
    .filter((name) => !passedOn.has(name))
    .map((name) => `has ${name} in it, and not its licence`)
}

/** npm's dry run. It asks no registry: what is there already is no fault of what is packed. */
async function publishingFaults({ archive }) {
  const how = ['--dry-run', '--offline', '--tag', 'latest']
  const { code, output } = await run('npm', ['publish', archive, ...how])
  return code === 0 ? [] : [`npm would not publish it:\n${output}`]
}
