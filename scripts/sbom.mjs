/**
 * The bill of materials of a release, as CycloneDX: what comes along when all public packages are installed, as `npm sbom` tells
 * it, and what is bundled into them, which npm can't know.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileIn } from './packed.mjs'

const execute = promisify(execFile)

/** They ask for no more than that they are passed on. */
const ALLOWED = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
])

/** Linked into the addons, and no package of npm's: packages/backend-native/native/self_contained.cc. The exception is for just that. */
const LIBSTDCXX = {
  type: 'library',
  name: 'libstdc++',
  licenses: [{ expression: 'GPL-3.0-or-later WITH GCC-exception-3.1' }],
}

/** Compiled into them: packages/backend-native/native/llhttp. */
const LLHTTP = {
  type: 'library',
  name: 'llhttp',
  version: '9.3.1',
  purl: 'pkg:github/nodejs/llhttp@v9.3.1',
  licenses: [{ license: { id: 'MIT' } }],
}

/** Of what packAll() gives. Asks the registry for what they depend on. */
export async function billOfMaterials(packages) {
  const version = packages[0].manifest.version
  const folder = mkdtempSync(join(tmpdir(), 'pollout-sbom-'))
  try {
    const project = { name: 'pollout-release', version, private: true, license: 'MIT' }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(project))
    const archives = packages.map(({ archive }) => archive)
    const quick = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    await execute('npm', ['install', ...quick, ...archives], { cwd: folder })
    const { stdout } = await execute('npm', ['sbom', '--sbom-format', 'cyclonedx'], { cwd: folder })
    const bom = JSON.parse(stdout)
    // npm takes the folder's.
    bom.metadata.component.name = project.name
    for (const one of packages) await describe(one, bom)
    return bom
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Adds what is in a package of ours, and takes away where it was on this machine. */
async function describe({ name, archive, files }, bom) {
  const component = bom.components.find((each) => each.name === name)
  component.externalReferences = component.externalReferences.filter(
    ({ url }) => !url.startsWith('file:'),
  )
  const inside = (await thirdPartyIn(archive, files)).map((bundled) => ({
    'bom-ref': `${component['bom-ref']}|${bundled.name}@${bundled.version}`,
    type: 'library',
    name: bundled.name,
    version: bundled.version,
    purl: `pkg:npm/${bundled.name.replace('@', '%40')}@${bundled.version}`,
    licenses: [{ license: { id: bundled.license } }],
  }))
  if (name === '@pollout/backend-native') inside.push(LIBSTDCXX, LLHTTP)
  if (inside.length > 0) component.components = inside
}

/** What stands in a package's list of licences, which its build makes: packages/pollout/tsup.config.ts. */
export async function thirdPartyIn(archive, files) {
  const list = 'dist/third-party-licenses.txt'
  if (!files.includes(list)) return []
  const parts = (await fileIn(archive, list)).split(/^-{80}\n\n/m)
  return parts.map((part) => {
    const [, name, version, license] = /^(\S+) (\S+) \((.+)\)\n/.exec(part) ?? []
    if (name === undefined) throw new Error(`${list} has a part without a name:\n${part}`)
    return { name, version, license }
  })
}

/** What is there on terms that nobody looked at. */
export function licenceFaults({ components }) {
  return components.flatMap((component) => {
    const { name, version, licenses = [], components: inside = [] } = component
    const names = licenses.map(
      ({ license, expression }) => license?.id ?? license?.name ?? expression,
    )
    const isFine =
      component === LIBSTDCXX || (names.length > 0 && names.every((each) => ALLOWED.has(each)))
    const fault = `${name} ${version} is licensed ${names.join(' and ') || 'by nothing'}, which is not on the list`
    return [...(isFine ? [] : [fault]), ...licenceFaults({ components: inside })]
  })
}
