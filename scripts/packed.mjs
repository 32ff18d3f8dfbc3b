/** The public packages as they are published: packed by pnpm, which puts versions for `workspace:` and runs .pnpmfile.mjs. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { workspacePackages } from './packages.mjs'
import { run } from './run.mjs'

const execute = promisify(execFile)

/** Packs them into a folder. Each comes with its name, place, manifest as packed, archive, and the archive's files. They have to be built. */
export async function packAll(into) {
  const places = workspacePackages().filter(({ manifest }) => !manifest.private)
  return Promise.all(
    places.map(async ({ name, dir }) => {
      const archive = await pack(dir, join(into, name.replace('/', '+')))
      const manifest = JSON.parse(await fileIn(archive, 'package.json'))
      const { stdout } = await execute('tar', ['-tzf', archive])
      const files = stdout.trim().split('\n')
      return { name, dir, manifest, archive, files: files.map((file) => file.slice(FOLDER.length)) }
    }),
  )
}

/** In every archive. */
const FOLDER = 'package/'

/** One of an archive's files: its text, or its bytes as `buffer`. */
export async function fileIn(archive, file, encoding = 'utf8') {
  const how = { maxBuffer: 1e8, encoding }
  const { stdout } = await execute('tar', ['-xOzf', archive, FOLDER + file], how)
  return stdout
}

async function pack(dir, place) {
  mkdirSync(place, { recursive: true })
  const { code, output } = await run('pnpm', ['pack', '--pack-destination', place], dir)
  if (code !== 0) throw new Error(`${dir} can't be packed:\n${output}`)
  return join(place, readdirSync(place)[0])
}
