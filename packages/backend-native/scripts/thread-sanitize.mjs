/**
 * Has ThreadSanitizer watch the threads of the lanes, in small programs of their own: test/bulk-stress.cc and
 * test/exchange-stress.cc. Node is not instrumented, and what it does is told wrongly; so what of a lane runs on threads knows
 * nothing of N-API.
 *
 * `thread-sanitize.mjs [seed]`: by default, one that is new each time. It is printed.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { C_SOURCES } from './compile.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'build', 'thread-sanitize')

/** The programs, each with what of the addon is in it. */
const PROGRAMS = {
  'bulk-stress': [
    ...[
      'bulk_attempts',
      'bulk_engine',
      'bulk_lane',
      'bulk_thread',
      'closing',
      'connect_completion',
    ],
    ...['error_queue', 'quiet_thread', 'reuse', 'socket_address', 'spare_sockets'],
  ],
  'exchange-stress': [
    ...['bulk_lane', 'closing', 'connect_completion', 'error_queue', 'exchange_connections'],
    ...['exchange_engine', 'exchange_lane', 'http_response_reader', 'request_plan'],
    ...['response_reader', 'reuse', 'socket_address', 'spare_sockets'],
  ],
}
const FLAGS =
  '-std=c++17 -O1 -g -Wall -Wextra -Werror -fno-exceptions -fsanitize=thread -pthread'.split(' ')
const C_FLAGS = '-c -O1 -g -fsanitize=thread'.split(' ')
const ROUNDS = 3
const STEPS = { 'bulk-stress': '30000', 'exchange-stress': '10000' }

function main() {
  if (run('g++', ['--version'], 'ignore') !== 0) {
    console.log('skipped: g++ is not installed')
    return 0
  }
  mkdirSync(folder, { recursive: true })
  const parser = C_SOURCES.map((_, i) => join(folder, `${i}.o`))
  const isParserMade = C_SOURCES.every(
    (source, i) => run('gcc', [...C_FLAGS, join(root, source), '-o', parser[i]]) === 0,
  )
  if (!isParserMade) return 1
  const first = Number(process.argv[2] ?? Date.now() % 1e6)
  return Object.entries(PROGRAMS).some(([name, parts]) => !isClean(name, parts, parser, first))
    ? 1
    : 0
}

function isClean(name, parts, parser, first) {
  const program = join(folder, name)
  const sources = [...parts.map((part) => `native/${part}.cc`), `test/${name}.cc`]
  const all = [...sources.map((source) => join(root, source)), ...parser]
  const included = `-isystem${join(root, 'native/llhttp')}`
  if (run('g++', [...FLAGS, included, '-o', program, ...all]) !== 0) return false
  for (let round = 0; round < ROUNDS; round++) {
    if (watch(program, [String(first + round), STEPS[name]]) !== 0) return false
  }
  return true
}

/** The sanitizer has no use for a randomized layout, and some kernels' is too wide for it. */
function watch(program, args) {
  return run('setarch', ['-R', program, ...args])
}

/** The exit status. A report of the sanitizer makes it 66. */
function run(command, args, stdio = 'inherit') {
  return spawnSync(command, args, { stdio }).status ?? 1
}

process.exitCode = main()
