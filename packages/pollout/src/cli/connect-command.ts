/** `pollout connect`: tries the endpoints given, all at once, and tells one line for each. */
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
import { say } from './console.js'
import { type ExchangeEnd, exchange } from './exchange.js'
import { ExitCode, messageOf, UsageError } from './exit-codes.js'
import { LineOutput } from './line-output.js'
import { openReactor } from './open-reactor.js'
import { brokenReport, jsonLine, type Report, reportOf } from './report.js'
import { Stop } from './stop.js'

export interface ConnectCommandOptions {
  readonly backend: BackendName
  readonly timeoutMs: number
  readonly send?: Uint8Array
  readonly json?: boolean
}

/** With `--json` an answer is gathered; what is longer is cut, so that a peer can't fill the memory. */
const LONGEST_RECEIVED = 64 * 1024

export async function connectCommand(
  texts: readonly string[],
  options: ConnectCommandOptions,
): Promise<ExitCode> {
  const endpoints = texts.map(toEndpoint)
  using stop = new Stop()
  await using reactor = openReactor(options.backend)
  const run = new ConnectRun(reactor, options, stop)
  await run.all(endpoints)
  return stop.exitCode ?? (run.failed ? ExitCode.SOME_FAILED : ExitCode.ALL_CONNECTED)
}

/** All are read before the first is tried, so a slip of the pen costs nothing. */
function toEndpoint(text: string): Endpoint {
  const endpoint = parsed(text)
  if (endpoint.scheme !== 'tls') return endpoint
  const uri = formatEndpoint(tcp(endpoint.host, endpoint.port))
  throw new UsageError(
    `connect makes no TLS handshake; write ${uri}, or pollout fanout ${uri} --tls`,
  )
}

function parsed(text: string): Endpoint {
  try {
    return parseEndpoint(text)
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}

class ConnectRun {
  failed = false
  readonly #reactor: Reactor
  readonly #options: ConnectCommandOptions
  readonly #stop: Stop
  readonly #output: LineOutput
  /** Answers go to stdout one after another, each whole. */
  #exchanges: Promise<void> = Promise.resolve()

  constructor(reactor: Reactor, options: ConnectCommandOptions, stop: Stop) {
    this.#reactor = reactor
    this.#options = options
    this.#stop = stop
    this.#output = new LineOutput(process.stdout, stop)
  }

  async all(endpoints: readonly Endpoint[]): Promise<void> {
    const { timeoutMs } = this.#options
    const { signal } = this.#stop
    const concurrency = endpoints.length
    await new Promise<void>((resolve, reject) => {
      this.#reactor
        .connectMany(endpoints, { concurrency, timeoutMs, signal, onConnected: 'keep' })
        .subscribe({
          next: (outcome) => this.#settled(outcome),
          complete: resolve,
          error: (error) => (signal.aborted ? resolve() : reject(error)),
        })
    })
    await this.#exchanges
    await this.#output.end()
  }

  #settled(outcome: KeptOutcome<Endpoint>): void {
    const report = reportOf(outcome, this.#reactor.backend)
    const { send } = this.#options
    if (outcome.kind !== 'connected') return this.#tell(report)
    if (send === undefined) {
      void outcome.connection.close()
      return this.#tell(report)
    }
    if (!this.#options.json) this.#tell(report)
    this.#exchanges = this.#exchanges.then(() => this.#exchange(outcome.connection, report, send))
  }

  async #exchange(connection: Connection, report: Report, text: Uint8Array): Promise<void> {
    const { json, timeoutMs: idleMs } = this.#options
    const gathered: Buffer[] = []
    let missing = LONGEST_RECEIVED
    const received = (chunk: Buffer): Promise<void> | undefined => {
      if (json) {
        gathered.push(chunk.subarray(0, missing))
        missing -= gathered.at(-1)?.length ?? 0
        return undefined
      }
      this.#output.bytes(chunk)
      return this.#output.room()
    }
    let end: ExchangeEnd | ConnectError
    try {
      end = await exchange(connection, text, { idleMs, stop: this.#stop, received })
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error
      end = error
    }
    const result = end instanceof ConnectError ? brokenReport(report, end) : report
    if (json) this.#tell(result, Buffer.concat(gathered).toString())
    else if (result.event === 'error') this.#tell(result)
    else if (end === 'silent') {
      say(`${report.endpoint} sent nothing more for ${idleMs} ms and was left`)
    }
  }

  #tell(report: Report, received?: string): void {
    if (report.event === 'error') this.failed = true
    if (this.#options.json) {
      return this.#output.line(jsonLine(report, received))
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
  if (report.event === 'error')
    return `failed ${endpoint} after ${time}: ${visibleText(report.message)}`
  const facts = [report.backend]
  // A name's address is news, and so is the near side's.
  if (report.peer !== null && !endpoint.endsWith(report.peer)) facts.unshift(`peer ${report.peer}`)
  if (report.local !== null) facts.unshift(`local ${report.local}`)
  return `connected ${endpoint} in ${time} (${visibleText(facts.join(', '))})`
}
