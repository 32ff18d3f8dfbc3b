/** `pnpm bench`: measures, prints the tables, writes the JSON. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isNativeBackendAvailable } from '@pollout/backend-native'
import { Children } from './children.js'
import { CONTESTANTS, type ContestantId, isC, type RuntimeId } from './job.js'
import { lookAtMachine } from './machine.js'
import { measure } from './measure.js'
import { startNamespacedPeer } from './namespaced-peer.js'
import { asksFor, HELP, type Options, parseOptions, UsageError } from './options.js'
import { reportTables, reportVerdict } from './report.js'
import { reportMachine } from './report-machine.js'
import { evaluate } from './results.js'
import { findRuntimes, type Runtime } from './runtimes.js'
import { isHandshake, matches, SCENARIOS } from './scenarios.js'
import { startServer } from './server.js'
import { chooseSettings } from './settings.js'
import { startTransferServer } from './transfer-server.js'
import { isTransfer } from './transfers.js'
import { compileYardstick, type Yardstick } from './yardstick.js'

const repository = fileURLToPath(new URL('../../..', import.meta.url))
const children = new Children()

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    children.endAll()
    process.exit(code)
  })
}

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) process.stdout.write(HELP)
  else await bench(options)
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`bench: ${error.message} (--help tells more)`)
    process.exitCode = 2
  } else {
    showProgress('')
    console.error(`bench: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
} finally {
  children.endAll()
}

async function bench(options: Options): Promise<void> {
  const startedAt = new Date()
  const machine = lookAtMachine()
  const settings = chooseSettings(options.quick, options.rounds, machine)
  const yardstick = compileYardstick()
  const runtimes = findRuntimes((id) => SCENARIOS.some((one) => matches(options.only, one, id)))
  const skipped = whoIsSkipped(yardstick, runtimes)
  const server = await startServer(children, yardstick, machine, settings.hold)
  const peer = asksFor(options, isHandshake)
    ? await startNamespacedPeer(children, yardstick, machine, settings.hold)
    : undefined
  const transferServer = asksFor(options, isTransfer)
    ? await startTransferServer(children, yardstick, machine)
    : undefined
  const progress = showProgress
  const measured = await measure({
    children,
    machine,
    options,
    settings,
    server,
    peer,
    transferServer,
    yardstick,
    runtimes,
    skipped,
    progress,
  })
  server.stop()
  if (peer && 'stop' in peer) peer.stop()
  if (transferServer && 'stop' in transferServer) transferServer.stop()
  progress('')

  const tookMs = Date.now() - startedAt.getTime()
  const { rows, targets } = evaluate(measured)
  const noPeer = peer && 'missing' in peer ? peer.missing : undefined
  const noTransfers =
    transferServer && 'missing' in transferServer ? transferServer.missing : undefined
  const file = options.json ?? join(repository, 'bench-results', `${fileTime(startedAt)}.json`)
  const results = {
    startedAt,
    tookMs,
    machine,
    runtimes: Object.fromEntries(
      [...runtimes].flatMap(([id, one]) => ('version' in one ? [[id, one.version]] : [])),
    ),
    server: server.kind,
    quick: options.quick,
    settings,
    skipped: Object.fromEntries(skipped),
    ...(noPeer === undefined ? {} : { skippedHandshakes: noPeer }),
    ...(noTransfers === undefined ? {} : { skippedTransfers: noTransfers }),
    ...rows,
    targets,
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)

  console.log(reportTables(rows, targets, skipped, settings))
  if (noPeer !== undefined) console.log(`Handshakes to a namespaced peer: skipped: ${noPeer}\n`)
  if (noTransfers !== undefined) console.log(`Transfers: skipped: ${noTransfers}\n`)
  console.log(reportMachine(machine, server.kind, settings, rows, runtimes))
  if (options.quick)
    console.log('a quick run: it shows that all works, and says nothing about speed')
  const written = relative(process.cwd(), file)
  console.log(`${reportVerdict(targets)}; it took ${duration(tookMs)}; written to ${written}`)
  if (options.assert && targets.some(({ met }) => met === false)) process.exitCode = 1
}

function whoIsSkipped(
  yardstick: Yardstick,
  runtimes: ReadonlyMap<RuntimeId, Runtime>,
): ReadonlyMap<ContestantId, string> {
  const skipped = new Map<ContestantId, string>()
  if ('missing' in yardstick) {
    for (const { id } of CONTESTANTS) if (isC(id)) skipped.set(id, yardstick.missing)
  }
  for (const [id, runtime] of runtimes) if ('missing' in runtime) skipped.set(id, runtime.missing)
  const native = isNativeBackendAvailable()
  for (const { id } of CONTESTANTS)
    if (!native.available && id.startsWith('native-')) skipped.set(id, native.reason)
  return skipped
}

/** One line, written over again and again; nothing where nobody watches. */
function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1_000)
  return seconds < 100 ? `${seconds} s` : `${(seconds / 60).toFixed(1)} min`
}

function fileTime(time: Date): string {
  return time.toISOString().slice(0, 19).replaceAll(':', '-')
}
