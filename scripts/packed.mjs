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
  mkdirSync(into, { recursive: true })
  // By one command: each starts pnpm, which takes longer than to pack.
  const filters = places.flatMap(({ name }) => ['--filter', name])
  const command = ['-y', 'pnpm@12', '--recursive', ...filters, 'pack', '--pack-destination', into]
  const { code, output } = await run('npx', command)
  if (code !== 0) throw new Error(`the packages can't be packed:\n${output}`)
  return Promise.all(
    readdirSync(into).map(async (file) => {
      const archive = join(into, file)
      const manifest = JSON.parse(await fileIn(archive, 'package.json'))
      const { stdout } = await execute('tar', ['-tzf', archive])
      const files = stdout.trim().split('\n')
      const { name, dir } = places.find(({ name }) => name === manifest.name)
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
