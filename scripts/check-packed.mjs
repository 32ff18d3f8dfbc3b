/** What is wrong with the packages that a release would publish: fields, versions, files, licences, and what npm itself says. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import semver from 'semver'
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
    'docs/exchange.ts',
    'docs/semantics.md',
    'docs/subject.ts',
    'docs/writing-a-backend.md',
  ],
  '@pollout/backend-native': (dir) => [
    // All but what tells clang-format and clang-tidy what to do.
    ...readdirSync(join(dir, 'native'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map(({ name, parentPath }) => relative(dir, join(parentPath, name))),
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
        ...scriptFaults(one),
        ...fileFaults(one),
        ...(await addonFaults(one)),
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

/** Versions alone: what else npm takes for a range (`github:`, `file:`, `npm:`, a tag, `*`) leads nowhere, or anywhere. */
function dependencyFaults({ manifest }, packages) {
  const lists = Object.keys(manifest).filter((field) => field.endsWith('ependencies'))
  // Names without ranges.
  const ranges = lists
    .filter((field) => !Array.isArray(manifest[field]))
    .flatMap((field) => Object.entries(manifest[field]))
  const odd = ranges.filter(([, range]) => !isRange(range))
  const ours = ranges.filter(([used]) => packages.some(({ name }) => name === used))
  const other = ours.filter(([, range]) => isRange(range) && range !== `^${manifest.version}`)
  const bundled = manifest.bundleDependencies ?? manifest.bundledDependencies ?? []
  return [
    ...odd.map(([name, range]) => `${name} is ${range}, which is no range of versions`),
    ...other.map(([name, range]) => `${name} is ${range}, not of this version`),
    ...(bundled === false || bundled.length === 0 ? [] : ['bundles what it depends on']),
  ]
}

const isRange = (range) =>
  typeof range === 'string' && /\d/.test(range) && semver.validRange(range) !== null

/** Those that our packages need while they are made. Any other may be one that a package manager runs when it installs. */
const SCRIPTS = /^(build|lint:native|sanitize|thread-sanitize|valgrind)$/

function scriptFaults({ manifest, files }) {
  const others = Object.keys(manifest.scripts ?? {}).filter((name) => !SCRIPTS.test(name))
  // By it npm would compile: an `install` script of its own making.
  const gyp = files.includes('binding.gyp') ? ['binding.gyp'] : []
  return [...others, ...gyp].map((name) => `has a script ${name}`)
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

/** An addon is a library for the machine that its folder names: 64-bit ELF, and what it says of itself. */
const MACHINES = { 'linux-x64': 62, 'linux-arm64': 183 }

async function addonFaults({ manifest, archive, files }) {
  const addons = files.filter((file) => file.endsWith('.node'))
  const faults = await Promise.all(
    addons.map(async (file) => {
      const bytes = await fileIn(archive, file, 'buffer')
      const [, target] = /^prebuilds\/([^/]+)\//.exec(file) ?? []
      // elf(5): e_ident, e_type ET_DYN, e_machine; each of these machines has its lowest byte first.
      const isLibrary = bytes.length > 64 && bytes.readUInt32BE(0) === 0x7f454c46
      if (!isLibrary || bytes[4] !== 2 || bytes.readUInt16LE(16) !== 3) return `${file} is no addon`
      if (bytes.readUInt16LE(18) !== MACHINES[target]) return `${file} is of another machine`
      const isWhole = bytes.includes('napi_register_module_v1')
      if (!isWhole) return `${file} is another library`
      return bytes.includes(`\0${manifest.version}\0`) ? [] : `${file} is of another version`
    }),
  )
  return faults.flat()
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
