/**
 * Has ThreadSanitizer watch the threads of the bulk lane, in a small program of their own: test/bulk-stress.cc. Node is
 * not instrumented, and what it does is told wrongly; so what of the lane runs on threads knows nothing of N-API.
 *
 * `thread-sanitize.mjs [seed]`: by default, one that is new each time. It is printed.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'build', 'thread-sanitize')
const program = join(folder, 'bulk-stress')

const PARTS = [
  'bulk_attempts',
  'bulk_engine',
  'bulk_lane',
  'bulk_thread',
  'closing',
  'connect_completion',
  'error_queue',
  'quiet_thread',
  'reuse',
  'socket_address',
  'spare_sockets',
]
const FLAGS =
  '-std=c++17 -O1 -g -Wall -Wextra -Werror -fno-exceptions -fsanitize=thread -pthread'.split(' ')
const ROUNDS = 3
const STEPS = '30000'

function main() {
  if (run('g++', ['--version'], 'ignore') !== 0) {
    console.log('skipped: g++ is not installed')
    return 0
  }
  mkdirSync(folder, { recursive: true })
  const sources = [...PARTS.map((name) => `native/${name}.cc`), 'test/bulk-stress.cc']
  if (run('g++', [...FLAGS, '-o', program, ...sources.map((name) => join(root, name))]) !== 0) {
    return 1
  }
  const first = Number(process.argv[2] ?? Date.now() % 1e6)
  for (let round = 0; round < ROUNDS; round++) {
    if (run(program, [String(first + round), STEPS]) !== 0) return 1
  }
  return 0
}

/** The exit status. A report of the sanitizer makes it 66. */
function run(command, args, stdio = 'inherit') {
  // The sanitizer has no use for a randomized layout, and some kernels' is too wide for it.
  const prefix = command === program ? ['setarch', '-R'] : []
  const [name, ...rest] = [...prefix, command, ...args]
  return spawnSync(name, rest, { stdio }).status ?? 1
}

process.exitCode = main()
