/**
 * Runs the tests under other versions of Node, which npm brings:
 *
 *   pnpm run test:node 24 26                                  all tests under each
 *   pnpm run test:node 26 -- packages/backend-native/test     those files, with any of vitest's arguments
 *
 * Ends with a line a version: how many tests passed, failed and were skipped.
 */
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { root } from './packages.mjs'
import { toolFolder } from './tools.mjs'

const [versions, args] = argumentsOf(process.argv.slice(2))
if (versions.length === 0) {
  console.error('usage: pnpm run test:node VERSION... [-- ARGUMENT OF VITEST...]')
  process.exit(2)
}
// Before all: the packages are built by the Node that this is, as their users get them.
if ((await run(process.execPath, [join(root, 'scripts/build.mjs')], process.env)).code !== 0) {
  process.exit(1)
}
const lines = []
for (const version of versions) {
  const folder = await nodeFolder(version)
  const path = [folder, process.env.PATH].join(delimiter)
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...args]
  const { code, last } = await run(join(folder, 'node'), vitest, { ...process.env, PATH: path })
  if (code !== 0) process.exitCode = 1
  lines.push(`Node ${version}: ${/ passed, /.test(last) ? last : `vitest ended with ${code}`}`)
}
for (const line of lines) console.log(line)

/** The versions, and what is for vitest; pnpm may pass the `--` on or not. */
function argumentsOf(all) {
  const rest = all.findIndex((arg) => !/^\d+(\.\d+)*$/.test(arg))
  if (rest < 0) return [all, []]
  return [all.slice(0, rest), all.slice(rest).filter((arg) => arg !== '--')]
}

/** The folder of its `node`. */
async function nodeFolder(version) {
  const name = `node-${process.platform}-${process.arch}`
  return join(await toolFolder(`${name}@${version}`), name, 'bin')
}

/** Shows what it prints, and keeps the last line of it. */
function run(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part) => {
      process.stdout.write(part)
      text = (text + part).slice(-1000)
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      resolve({ code: code ?? signal, last: text.trimEnd().split('\n').at(-1) })
    })
  })
}
