/**
 * Makes a release; CONTRIBUTING.md has the steps.
 *
 *   release.mjs prepare 0.2.0       what is unreleased in CHANGELOG.md becomes that version, and all public packages get it
 *   release.mjs publish             packs and publishes them, only in this repository's workflow and at the version's tag;
 *                                   leaves archives, bill of materials and notes in release/
 *   release.mjs publish --dry-run   the same, anywhere, and nothing leaves this machine
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import semver from 'semver'
import { packedFaults } from './check-packed.mjs'
import { root, workspacePackages } from './packages.mjs'
import { packAll } from './packed.mjs'
import { publishAll } from './publish.mjs'
import { billOfMaterials } from './sbom.mjs'

const CHANGELOG = join(root, 'CHANGELOG.md')
const UNRELEASED = '## Unreleased\n'

const { values, positionals } = parseArgs({
  options: { 'dry-run': { type: 'boolean', default: false } },
  allowPositionals: true,
})
const [command, version] = positionals
try {
  if (command === 'prepare') prepare(version)
  else if (command === 'publish') await publish(values['dry-run'])
  else throw new Error('release.mjs prepare VERSION, or release.mjs publish')
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}

function prepare(version) {
  if (semver.valid(version) !== version) throw new Error(`${version} is no version, as 1.2.3 is`)
  const packages = workspacePackages().filter(({ manifest }) => !manifest.private)
  const later = packages.find(({ manifest }) => semver.gt(manifest.version, version))
  if (later) throw new Error(`${later.name} is at ${later.manifest.version} already`)
  const changes = readFileSync(CHANGELOG, 'utf8')
  if (notesOf(changes, version) !== undefined) throw new Error(`${version} has been released`)
  if (!notesOf(changes, 'Unreleased')) throw new Error('CHANGELOG.md has nothing unreleased')

  const [today] = new Date().toISOString().split('T')
  writeFileSync(CHANGELOG, changes.replace(UNRELEASED, `${UNRELEASED}\n## ${version} - ${today}\n`))
  for (const { dir } of packages) {
    const file = join(dir, 'package.json')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/^( {2}"version": ")[^"]+/m, `$1${version}`))
  }
}

async function publish(isDryRun) {
  if (!isDryRun) refuseElsewhere(process.env)
  const folder = join(root, 'release')
  rmSync(folder, { recursive: true, force: true })
  const packages = await packAll(join(folder, 'packed'))
  const { version } = packages[0].manifest
  const notes = notesOf(readFileSync(CHANGELOG, 'utf8'), version)
  if (!isDryRun) refuseOther(version, notes, process.env)

  const bom = await billOfMaterials(packages)
  // Before the first is published: the registry takes nothing back.
  const faults = await packedFaults(packages, bom)
  if (faults.length > 0) throw new Error(faults.join('\n'))
  writeFileSync(join(folder, `pollout-${version}.cdx.json`), JSON.stringify(bom, null, 2))
  writeFileSync(join(folder, 'notes.md'), notes ?? '')
  if (!isDryRun) await publishAll(packages, version)
  else for (const { name } of packages) console.log(`${name}@${version}: could be published`)
}

/** A fork's tag must not publish: its packages would have another origin than they say. */
function refuseElsewhere({ GITHUB_REPOSITORY }) {
  const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const [, ours] = /github\.com\/(.+)\.git$/.exec(repository.url) ?? []
  if (ours === undefined || GITHUB_REPOSITORY !== ours) {
    const here = GITHUB_REPOSITORY ?? 'no workflow of GitHub'
    throw new Error(`this is ${here}, and packages are published by ${ours} alone (package.json)`)
  }
}

function refuseOther(version, notes, { GITHUB_REF_NAME }) {
  if (GITHUB_REF_NAME !== `v${version}`)
    throw new Error(`the tag is ${GITHUB_REF_NAME}, and the packages are of ${version}`)
  if (!notes) throw new Error(`CHANGELOG.md says nothing of ${version}`)
}

/** What stands under a version's heading. */
function notesOf(changes, version) {
  const [, ...parts] = changes.split(/^## /m)
  const part = parts.find((each) => /^\S+/.exec(each)?.[0] === version)
  return part?.slice(part.indexOf('\n')).trim()
}
