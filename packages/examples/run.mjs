/** Runs an example by its number, `pnpm example 01 [argument]`; without one, lists them. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const [number, ...args] = process.argv.slice(2)
const examples = readdirSync(folder).filter((name) => /^\d\d-.*\.ts$/.test(name))
const file = number && examples.find((name) => name.startsWith(number))

if (file) {
  const argv = ['--import', 'tsx', file, ...args]
  process.exitCode =
    spawnSync(process.execPath, argv, { cwd: folder, stdio: 'inherit' }).status ?? 1
} else {
  if (number) {
    console.error(`There is no example ${number}.`)
    process.exitCode = 2
  }
  console.log('usage: npx -y pnpm@12 example NUMBER [ARGUMENT]\n')
  for (const name of examples)
    console.log(`  ${name.replace('.ts', '').padEnd(20)} ${summary(name)}`)
}

/** The first sentence of the comment at the top. */
function summary(name) {
  const [, text = ''] = /\/\*\*([\s\S]*?)\*\//.exec(readFileSync(`${folder}/${name}`, 'utf8')) ?? []
  return text
    .replace(/\s*\*\s+/g, ' ')
    .trim()
    .split(/[.;] |\.$/)[0]
}
