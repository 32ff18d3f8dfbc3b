/** Publishes packed packages by npm, and goes on where a run ended halfway. */
import semver from 'semver'
import { run } from './run.mjs'

/** Of what packAll() gives; those that others depend on come first, so that what is published can be installed. */
export async function publishAll(packages, version) {
  const tag = semver.prerelease(version) ? 'next' : 'latest'
  for (const { name, archive } of inOrder(packages)) {
    const spec = `${name}@${version}`
    // By a run that ended halfway.
    if (await isPublished(spec, version)) console.log(`${spec}: was published before`)
    else await publishOne(spec, archive, tag)
  }
}

async function publishOne(spec, archive, tag) {
  const how = ['--provenance', '--access', 'public', '--tag', tag]
  const { code, output } = await run('npm', ['publish', archive, ...how])
  if (code !== 0) throw new Error(`${spec} is not published:\n${output}`)
  console.log(`${spec}: published`)
}

/** npm may warn of something else, and ends well where there is no such version. */
async function isPublished(spec, version) {
  const { code, output } = await run('npm', ['view', spec, 'version', '--json'])
  return code === 0 && output.split('\n').includes(JSON.stringify(version))
}

function inOrder(packages) {
  const placed = new Set()
  const place = (one) => {
    const uses = Object.keys(one.manifest.dependencies ?? {})
    for (const used of packages.filter(({ name }) => uses.includes(name))) place(used)
    placed.add(one)
  }
  for (const one of packages) place(one)
  return [...placed]
}
