/** The public packages as they are published: packed by pnpm, which puts versions for `workspace:` and runs .pnpmfile.mjs. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { workspacePackages } from './packages.mjs'
import { run } from './run.mjs'

const execute = promisify(execFile)

/**
 * Packs them into a folder. Each comes with its name, place, manifest as packed, archive, and the archive's files; those that
 * others depend on come first. They have to be built.
 */
export async function packAll(into) {
  const places = workspacePackages().filter(({ manifest }) => !manifest.private)
  const packed = await Promise.all(
    places.map(async ({ name, dir }) => {
      const archive = await pack(dir, join(into, name.replace('/', '+')))
      const manifest = JSON.parse(await fileIn(archive, 'package.json'))
      const { stdout } = await execute('tar', ['-tzf', archive])
      const files = stdout.trim().split('\n')
      return { name, dir, manifest, archive, files: files.map((file) => file.slice(FOLDER.length)) }
    }),
  )
  return inOrder(packed)
}

/** In every archive. */
const FOLDER = 'package/'

/** The text of one of an archive's files. */
export async function fileIn(archive, file) {
  const { stdout } = await execute('tar', ['-xOzf', archive, FOLDER + file], { maxBuffer: 1e8 })
  return stdout
}

async function pack(dir, place) {
  mkdirSync(place, { recursive: true })
  const { code, output } = await run('pnpm', ['pack', '--pack-destination', place], dir)
  if (code !== 0) throw new Error(`${dir} can't be packed:\n${output}`)
  return join(place, readdirSync(place)[0])
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
