/** Files that are made from others: written, or with `--check` on the command line only held against what is there. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packages.mjs'

const check = process.argv.includes('--check')

/** `path` is from the root. A check that finds another text makes the program end with 1, and says what to do. */
export function generated(path, text) {
  const place = join(root, path)
  if (existsSync(place) && readFileSync(place, 'utf8') === text) return
  if (check) {
    console.error(`${path} is stale: run \`pnpm run fix\` and commit what it writes`)
    process.exitCode = 1
  } else writeFileSync(place, text)
}
