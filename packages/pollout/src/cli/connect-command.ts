/** `pollout connect`: tries the endpoints given, all at once, and tells one line for each. */
import { fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import {
  ConnectError,
  type Connection,
  type Endpoint,
  formatEndpoint,
  type KeptOutcome,
  parseEndpoint,
  type Reactor,
  tcp,
  visibleText,
} from '@pollout/core'
import type { BackendName } from '../choose-backend.js'
import { tlsSummary } from '../outcomes/tls-summary.js'
import { Beginning } from './common/beginning.js'
import { say, terminalText } from './common/console.js'
import { ExitCode, messageOf, UsageError } from './common/exit-codes.js'
import { identitiesOf } from './common/file-place.js'
import { LineOutput } from './common/line-output.js'
import { openReactor } from './common/open-reactor.js'
import type { ResolverChoice } from './common/resolver.js'
import { Stop } from './common/stop.js'
import { type ExchangeEnd, exchange } from './exchange.js'
import {
  type Answer,
  brokenReport,
  jsonLine,
  type Report,
  reportOf,
  stoppedReport,
} from './report.js'

export interface ConnectCommandOptions {
  readonly backend: BackendName
  readonly resolver?: ResolverChoice
  readonly timeoutMs: number
  readonly answerTimeoutMs: number
  /** `-`: what is piped in. */
  readonly send?: Uint8Array | '-'
  readonly insecure?: boolean
  readonly json?: boolean
}

/** With `--json` an answer is gathered; what is longer is cut, so that a peer can't fill the memory. */
const LONGEST_RECEIVED = 64 * 1024

/** What is tried, and what is done on it: TLS comes after the connect. */
export type ConnectTarget = Endpoint & { readonly uri: string; readonly isTls: boolean }

export async function connectCommand(
  texts: readonly string[],
  options: ConnectCommandOptions,
): Promise<ExitCode> {
  const endpoints = texts.map(toTarget)
  if (options.send === '-' && endpoints.length > 1) {
    throw new UsageError('--send - sends what is piped in, to one endpoint; name one')
  }
  if (options.send === '-') refuseSendingAnswers()
  using stop = new Stop()
  await using opened = openReactor(options)
  const run = new ConnectRun(opened.reactor, options, stop)
  await run.all(endpoints)
  return stop.exitCode ?? (run.failed ? ExitCode.SOME_FAILED : ExitCode.ALL_CONNECTED)
}

/** As cat(1) does: what is appended to the file that is sent would be sent too, and so on for ever. */
function refuseSendingAnswers(): void {
  const [input, output, errors] = [0, 1, 2].map((fd) => fstatSync(fd, { bigint: true }))
  if (input?.isDirectory())
    throw new UsageError('standard input is a directory, and --send - reads it')
  const read = identitiesOf(input)
  for (const [name, stat] of [
    ['standard output', output],
    ['standard error', errors],
  ] as const) {
    if (!identitiesOf(stat).some((identity) => read.includes(identity))) continue
    throw new UsageError(
      `${name} is the file that --send - reads: it would be sent too; name another file`,
    )
  }
}

/** All are read before the first is tried, so a slip of the pen costs nothing. */
function toTarget(text: string): ConnectTarget {
  const endpoint = parsed(HOST_AND_PORT.test(text) ? `tcp://${text}` : text)
  const uri = formatEndpoint(endpoint)
  if (endpoint.scheme !== 'tls') return { ...endpoint, uri, isTls: false }
  return { ...tcp(endpoint.host, endpoint.port), uri, isTls: true }
}

/** As nc and others take it, but for what is a scheme: `unix:80` is a path. */
const HOST_AND_PORT =
  /^(?!(?:unix|unixgram|unixpacket|vsock|tcp|tls|udp):)(?:\[[^\]]*\]|[^:/[\]]+):\d*$/

function parsed(text: string): Endpoint {
  try {
    return parseEndpoint(text)
  } catch (error) {
    if (isHost(text)) throw new UsageError(`"${text}" has no port; write ${text}:443`)
    throw new UsageError(messageOf(error))
  }
}

function isHost(text: string): boolean {
  try {
    return HOST_AND_PORT.test(`${text}:443`) && parseEndpoint(`tcp://${text}:443`) !== undefined
  } catch {
    return false
  }
}

class ConnectRun {
  failed = false
  readonly #reactor: Reactor
  readonly #options: ConnectCommandOptions
  readonly #stop: Stop
  readonly #output: LineOutput
  /** Those that nothing has been told of yet. */
  readonly #untold = new Set<ConnectTarget>()
  readonly #handshakes: Promise<void>[] = []
  /** Answers go to stdout one after another, each whole. */
  #exchanges: Promise<void> = Promise.resolve()

  constructor(reactor: Reactor, options: ConnectCommandOptions, stop: Stop) {
    this.#reactor = reactor
    this.#options = options
    this.#stop = stop
    this.#output = new LineOutput(process.stdout, stop)
  }

  async all(endpoints: readonly ConnectTarget[]): Promise<void> {
    const { timeoutMs } = this.#options
    const { signal } = this.#stop
    const concurrency = endpoints.length
    const startedAt = performance.now()
    for (const endpoint of endpoints) this.#untold.add(endpoint)
    await new Promise<void>((resolve, reject) => {
      this.#reactor
        .connectMany(endpoints, { concurrency, timeoutMs, signal, onConnected: 'keep' })
        .subscribe({
          next: (outcome) => this.#handshakes.push(this.#settled(outcome)),
          complete: resolve,
          error: (error) => (signal.aborted ? resolve() : reject(error)),
        })
    })
    await Promise.all(this.#handshakes)
    await this.#exchanges
    // Whoever has stopped it is told what had no outcome by then; but where the output has failed nobody would read it.
    if (this.#stop.isBySignal) this.#tellRest(performance.now() - startedAt)
    await this.#output.end()
  }

  #tellRest(elapsedMs: number): void {
    const { backend } = this.#reactor
    for (const target of this.#untold) this.#tell(target, stoppedReport(target, backend, elapsedMs))
  }

  async #settled(outcome: KeptOutcome<ConnectTarget>): Promise<void> {
    const { target } = outcome
    let report = reportOf(outcome, this.#reactor.backend)
    if (outcome.kind !== 'connected') return this.#tell(target, report)
    let connection: Connection = outcome.connection
    if (target.isTls) {
      const { insecure = false, timeoutMs } = this.#options
      const { signal } = this.#stop
      try {
        const settings = { rejectUnauthorized: !insecure, timeoutMs, signal } as const
        const inside = await outcome.connection.upgradeToTls(settings)
        connection = inside
        report = { ...report, tls: tlsSummary(inside.tls) }
      } catch (error) {
        if (!(error instanceof ConnectError)) throw error
        if (!signal.aborted) this.#tell(target, brokenReport(report, error))
        return
      }
    }
    const { send } = this.#options
    if (send === undefined) {
      void connection.close()
      return this.#tell(target, report)
    }
    if (!this.#options.json) this.#tell(target, report)
    this.#exchanges = this.#exchanges.then(() => this.#exchange(target, connection, report, send))
  }

  async #exchange(
    target: ConnectTarget,
    connection: Connection,
    report: Report,
    send: Uint8Array | '-',
  ): Promise<void> {
    const { json, timeoutMs: idleMs, answerTimeoutMs: answerMs } = this.#options
    const kept = new Beginning(LONGEST_RECEIVED)
    const shown = json || !process.stdout.isTTY ? undefined : terminalText()
    const received = (chunk: Buffer): Promise<void> | undefined => {
      if (json) kept.add(chunk)
      else this.#output.bytes(shown ? Buffer.from(shown(chunk)) : chunk)
      return json ? undefined : this.#output.room()
    }
    const sent = send === '-' ? process.stdin : send
    const enough = (): boolean => kept.isCut
    let end: ExchangeEnd | ConnectError
    try {
      end = await exchange(connection, sent, {
        idleMs,
        answerMs,
        stop: this.#stop,
        received,
        enough,
      })
    } catch (error) {
      if (send === '-' && (process.stdin as Readable).errored === error) {
        throw new UsageError(`can't read standard input: ${messageOf(error)}`)
      }
      if (!(error instanceof ConnectError)) throw error
      end = error
    } finally {
      // Nobody asks for more of it, and it would keep the process.
      if (send === '-') process.stdin.destroy()
    }
    const result = end instanceof ConnectError ? brokenReport(report, end) : report
    if (end === 'timed-out') this.failed = true
    const why = end instanceof ConnectError ? 'reset' : end
    if (json) this.#tell(target, result, { bytes: kept.bytes, end: why, truncated: kept.isCut })
    else if (result.event === 'error') this.#tell(target, result)
    else if (end === 'silent') {
      say(`${report.endpoint} sent nothing more for ${idleMs} ms and was left`)
    } else if (end === 'timed-out') {
      say(`${report.endpoint} had not ended its answer after ${answerMs} ms (--answer-timeout-ms)`)
    }
  }

  #tell(target: ConnectTarget, report: Report, answer?: Answer): void {
    this.#untold.delete(target)
    if (report.event === 'error') this.failed = true
    if (this.#options.json) {
      return this.#output.line(jsonLine(report, answer))
    }
    // With --send stdout is the peer's alone, so that it can be piped on.
    if (report.event === 'error') process.stderr.write(`${describe(report)}\n`)
    else if (this.#options.send) process.stderr.write(`${describe(report)}\n`)
    else this.#output.line(describe(report))
  }
}

function describe(report: Report): string {
  const endpoint = visibleText(report.endpoint)
  const time = `${report.elapsedMs.toFixed(2)} ms`
  if (report.event === 'error') {
    const hint = isDistrust(report) ? ' (or --insecure)' : ''
    return `failed ${endpoint} after ${time}: ${visibleText(report.message)}${hint}`
  }
  const facts = [report.backend]
  if (report.event === 'connected' && report.tls) facts.unshift(report.tls.protocol)
  // A name's address is news, and so is the near side's.
  if (report.peer !== null && !endpoint.endsWith(report.peer)) facts.unshift(`peer ${report.peer}`)
  if (report.local !== null) facts.unshift(`local ${report.local}`)
  return `connected ${endpoint} in ${time} (${visibleText(facts.join(', '))})`
}

/** Of a certificate that is not for this name, not in force, or signed by nobody whom Node trusts. */
function isDistrust({ phase, code }: { readonly phase: string; readonly code: string }): boolean {
  return phase === 'tls' && /CERT|^UNABLE_/.test(code) && !code.startsWith('ERR_SSL_')
}
