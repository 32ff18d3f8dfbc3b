// Checks layout (clang-format) and code (clang-tidy) of native/; `--fix` mends the layout.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
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
await run('clang-format', [[...layout, ...sources, ...headers]])

const folders = foldersOrReason()
if (typeof folders === 'string') {
  console.log(`skipped: clang-tidy: ${folders}`)
} else {
  const included = [...folders, join(root, 'native/llhttp')].map((folder) => `-isystem${folder}`)
  const compiler = ['--', '-std=c++17', '-fno-exceptions', ...DEFINES, ...included]
  const tidy = (file, checks) => [
    '--quiet',
    '--config-file=native/.clang-tidy',
    `--checks=${checks}`,
    file,
    ...compiler,
  ]
  // Most checks go through all headers each time, so they see all sources as one. The analyzer, and what looks for names that
  // are not used, see no more than the file that is given.
  await run('clang-tidy', [
    tidy(allInOne(), '-clang-analyzer-*,-bugprone-suspicious-include'),
    ...sources.map((source) => tidy(source, '-*,clang-analyzer-*,misc-unused-using-decls')),
  ])
}

function allInOne() {
  const file = join(root, 'build', 'lint', 'all.cc')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, sources.map((source) => `#include "${join(root, source)}"\n`).join(''))
  return file
}

function foldersOrReason() {
  try {
    return headerFolders()
  } catch (error) {
    return error.message
  }
}

/** Once with each of the lists of arguments, as many at a time as there are processors. */
async function run(tool, lists) {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) {
    console.log(`skipped: ${tool} is not installed`)
    return
  }
  const waiting = [...lists]
  const said = []
  const runner = async () => {
    for (let args = waiting.shift(); args !== undefined; args = waiting.shift()) {
      said.push(await complaints(tool, args))
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, runner))
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
