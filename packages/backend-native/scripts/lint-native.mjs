// Checks layout (clang-format) and code (clang-tidy) of native/; `--fix` mends the layout.
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DEFINES, headerFolders } from './compile.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const names = readdirSync(join(root, 'native'))
const sources = names.filter((name) => name.endsWith('.cc')).map((name) => `native/${name}`)
const headers = names.filter((name) => name.endsWith('.h')).map((name) => `native/${name}`)
const fix = process.argv.includes('--fix')

const layout = fix ? ['-i'] : ['--dry-run', '-Werror']
await run('clang-format', layout, [...sources, ...headers])

const folders = foldersOrReason()
if (typeof folders === 'string') {
  console.log(`skipped: clang-tidy: ${folders}`)
} else {
  const included = folders.map((folder) => `-isystem${folder}`)
  const compiler = ['--', '-std=c++17', '-fno-exceptions', ...DEFINES, ...included]
  await run('clang-tidy', ['--quiet'], sources, compiler)
}

function foldersOrReason() {
  try {
    return headerFolders()
  } catch (error) {
    return error.message
  }
}

/** `files` are shared out among as many processes as there are processors. */
async function run(tool, before, files, after = []) {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) {
    console.log(`skipped: ${tool} is not installed`)
    return
  }
  const count = Math.min(availableParallelism(), files.length)
  const shares = Array.from({ length: count }, (_, n) => files.filter((_, i) => i % count === n))
  const said = await Promise.all(
    shares.map((share) => complaints(tool, [...before, ...share, ...after])),
  )
  if (said.every((text) => text === undefined)) {
    console.log(`${tool}: ok`)
    return
  }
  console.log(said.join(''))
  process.exitCode = 1
}

/** Undefined where there are none. */
function complaints(tool, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
    }
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0 ? undefined : text))
  })
}
