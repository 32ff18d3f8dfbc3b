/**
 * Runs the native tests on an addon that is compiled with AddressSanitizer and UndefinedBehaviorSanitizer, in a
 * build folder of its own. Arguments go to Vitest: `sanitize.mjs packages/backend-native/test/recycling`.
 *
 * Node itself is not instrumented, so ASan's library has to be there before it (LD_PRELOAD), and whether memory is
 * leaked can't be told: V8 leaves too much behind. Reports fail the run even where a test does not notice.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const repository = dirname(dirname(root))
const folder = join(root, 'build', 'sanitize')
const reports = join(folder, 'reports')
const hook = join(folder, 'redirect.cjs')
const addon = join(folder, 'pollout.node')

/** A million random operations. */
const MODEL = 'packages/kernel-tests/test/model/backend-model.load'

/** Whatever CXX says: the libraries that are preloaded have to be of the compiler that is used. */
const COMPILER = 'g++'
const CHECKS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']

async function main() {
  const libraries = ['libasan.so', 'libubsan.so'].map(sanitizerLibrary)
  if (libraries.includes(undefined)) {
    console.log('skipped: g++ with its sanitizers is not installed')
    return 0
  }
  const instrument = [...CHECKS, '-g', '-fno-omit-frame-pointer']
  await compile(COMPILER, addon, { instrument, strict: true })
  writeFileSync(hook, REDIRECT)
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports)
  const { status, told } = await test(libraries)
  const found = readdirSync(reports)
  for (const name of found) console.log(readFileSync(join(reports, name), 'utf8'))
  const count = found.length + told
  console.log(`sanitizers: ${count === 0 ? 'no reports' : `${count} reports`}`)
  return count > 0 ? 1 : status
}

/** GCC answers with the bare name where it does not have it. */
function sanitizerLibrary(name) {
  const { stdout } = spawnSync(COMPILER, [`-print-file-name=${name}`], { encoding: 'utf8' })
  const path = stdout?.trim()
  return path?.startsWith('/') && existsSync(path) ? path : undefined
}

/** Beside ASan, GCC's UBSan knows no `log_path`: what it finds comes with the output. */
const UBSAN_REPORT = /^.*: runtime error: .*$/gm

async function test(libraries) {
  const ofRepository = createRequire(join(repository, 'package.json'))
  const vitest = join(dirname(ofRepository.resolve('vitest/package.json')), 'vitest.mjs')
  const named = process.argv.slice(2)
  // A minute more, by itself: `POLLOUT_CONFORMANCE=all ... sanitize packages/backend-native/test/conformance-thread-loop`.
  const most = [
    'packages/backend-native',
    'packages/load/test/lanes',
    MODEL,
    '--exclude=**/conformance-thread-loop.test.ts',
  ]
  // The model's other half: nothing of that is compiled.
  most.push('--testNamePattern=^(?!.*the net backend does)')
  const files = named.length > 0 ? named : most
  const run = spawn(
    process.execPath,
    // Everything takes several times as long.
    [vitest, 'run', '--testTimeout=60000', ...files],
    {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        LD_PRELOAD: libraries.join(' '),
        // What is freed is kept back to catch its late uses: less of it, as tests of memory count it.
        ASAN_OPTIONS: `detect_leaks=0:quarantine_size_mb=64:log_path=${join(reports, 'asan')}`,
        UBSAN_OPTIONS: 'print_stacktrace=1',
        NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --require=${hook}`,
      },
    },
  )
  let output = ''
  for (const [from, to] of [
    [run.stdout, process.stdout],
    [run.stderr, process.stderr],
  ]) {
    from.setEncoding('utf8').on('data', (text) => {
      output += text
      to.write(text)
    })
  }
  const [status] = await once(run, 'close')
  return { status: status ?? 1, told: output.match(UBSAN_REPORT)?.length ?? 0 }
}

/** Tests, their child processes and their Workers all get the instrumented addon for the ordinary one. */
const REDIRECT = `
const { dlopen } = process
process.dlopen = (module, file, ...rest) =>
  dlopen.call(process, module, /\\/backend-native\\/prebuilds\\/[^/]+\\/pollout\\.node$/.test(file) ? ${JSON.stringify(addon)} : file, ...rest)
`

process.exitCode = await main()
