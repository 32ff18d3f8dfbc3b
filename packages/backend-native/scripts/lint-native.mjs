// Checks layout (clang-format) and code (clang-tidy) of native/; `--fix` mends the layout.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const names = readdirSync(join(root, 'native'))
const sources = names.filter((name) => name.endsWith('.cc')).map((name) => `native/${name}`)
const headers = names.filter((name) => name.endsWith('.h')).map((name) => `native/${name}`)
const prefix = dirname(dirname(process.execPath))
const nodeHeaders = join(prefix, 'include', 'node')
const fix = process.argv.includes('--fix')

const layout = fix ? ['-i'] : ['--dry-run', '-Werror']
run('clang-format', [...layout, ...sources, ...headers])

if (existsSync(join(nodeHeaders, 'node_api.h'))) {
  run('clang-tidy', [
    '--quiet',
    ...sources,
    '--',
    '-std=c++17',
    '-fno-exceptions',
    '-DNAPI_VERSION=9',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    `-isystem${nodeHeaders}`,
    // Its `include_dir` is relative to where this was started.
    `-isystem${dirname(require.resolve('node-addon-api/package.json'))}`,
  ])
} else {
  console.log(`skipped: clang-tidy needs Node's headers, which are not in ${nodeHeaders}`)
}

function run(tool, args) {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) {
    console.log(`skipped: ${tool} is not installed`)
    return
  }
  const { status, stdout, stderr } = spawnSync(tool, args, { cwd: root, encoding: 'utf8' })
  if (status === 0) {
    console.log(`${tool}: ok`)
    return
  }
  console.log(stdout + stderr)
  process.exitCode = 1
}
