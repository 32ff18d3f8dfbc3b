/** The demo: a mixed list of targets through each backend, with progress and a table. `--help` says more. */
import { parseArgs } from 'node:util'
import { SingleBar } from 'cli-progress'
import { type BackendFactory, isNativeBackendAvailable, nativeBackend, netBackend } from 'pollout'
import { type Figures, run } from './run.js'
import { startServers } from './servers.js'
import { lateRemark, table } from './table.js'
import { mixedTargets, silentAmong } from './targets.js'

const HELP = `Opens thousands of real connections on loopback, through each backend, and shows what came of them.

usage: npx -y pnpm@12 demo [--targets N] [--concurrency N] [--timeout-ms N]

  --targets N       how many targets the list has (default 30000)
  --concurrency N   how many connects are in flight at once (default 1000)
  --timeout-ms N    how long a target may take to answer, in milliseconds (default 1000)

Exit code: 0 when every run ended with an outcome for every target, 2 for wrong usage, 130 on Ctrl-C.`

interface Options {
  readonly targets: number
  readonly concurrency: number
  readonly timeoutMs: number
}

function usageError(message: string): never {
  console.error(`demo: ${message}; see --help`)
  process.exit(2)
}

function readOptions(): Options {
  const names = { targets: 30_000, concurrency: 1_000, 'timeout-ms': 1_000 }
  const options = { targets: { type: 'string' }, concurrency: { type: 'string' } } as const
  const all = { ...options, 'timeout-ms': { type: 'string' }, help: { type: 'boolean' } } as const
  let values: { help?: boolean; [name: string]: string | boolean | undefined }
  try {
    values = parseArgs({ args: process.argv.slice(2), options: all }).values
  } catch (error) {
    usageError(error instanceof Error ? (error.message.split(/\. |\n/)[0] ?? '') : String(error))
  }
  if (values.help) {
    console.log(HELP)
    process.exit(0)
  }
  const number = (name: keyof typeof names): number => {
    const text = values[name]
    if (text === undefined) return names[name]
    if (typeof text !== 'string' || !/^[1-9]\d{0,8}$/.test(text)) {
      usageError(`--${name} takes a whole number from 1, not "${String(text)}"`)
    }
    return Number(text)
  }
  return {
    targets: number('targets'),
    concurrency: number('concurrency'),
    timeoutMs: number('timeout-ms'),
  }
}

function backends(): [string, BackendFactory][] {
  const native = isNativeBackendAvailable()
  const both: [string, BackendFactory][] = [['net', netBackend()]]
  if (native.available) both.unshift(['native', nativeBackend()])
  else console.error(`The native backend is not available: ${native.reason}. Using node:net only.`)
  return both
}

/** A live line on a terminal; elsewhere nothing. */
function progressBar(name: string, total: number): SingleBar {
  const bar = new SingleBar({
    format: `${name.padEnd(6)} {bar} {value}/{total} | {rate}/s | {eta_formatted} left`,
    stream: process.stderr,
    barsize: 30,
    hideCursor: true,
  })
  bar.start(total, 0, { rate: '-' })
  return bar
}

const options = readOptions()
const interruption = new AbortController()
process.once('SIGINT', () => interruption.abort())
process.once('SIGTERM', () => interruption.abort())

const choice = backends()
const servers = await startServers(options.targets * choice.length)
console.log(
  `${options.targets.toLocaleString('en-US')} targets on loopback, ${options.concurrency.toLocaleString('en-US')} in flight, ` +
    `${options.timeoutMs} ms for an answer: accepting, refused, silent, unix, malformed.`,
)
const runs: Figures[] = []
for (const [name, backend] of choice) {
  if (interruption.signal.aborted) break
  const bar = progressBar(name, options.targets)
  const { concurrency, timeoutMs } = options
  runs.push(
    await run(mixedTargets(options.targets, servers), {
      backend,
      concurrency,
      timeoutMs,
      signal: interruption.signal,
      progress: (done, perSecond) =>
        bar.update(done, { rate: Math.round(perSecond).toLocaleString('en-US') }),
    }),
  )
  bar.stop()
}
servers.stop()
console.log(table(runs))
for (const figures of runs) {
  const remark = lateRemark(figures, silentAmong(options.targets), options.timeoutMs)
  if (remark !== undefined) console.error(remark)
}
if (interruption.signal.aborted) {
  console.log('Stopped: these are the figures so far.')
  process.exitCode = 130
} else {
  console.log('\nOn a list of your own, one tcp://host:port or unix:/path a line:')
  console.log('  npx -y pnpm@12 pollout fanout -l targets.txt --rate 2000 --timeout-ms 2000')
  if (runs.some((figures) => figures.total !== options.targets)) {
    console.error('demo: some targets had no outcome; this is a bug')
    process.exitCode = 1
  }
}
