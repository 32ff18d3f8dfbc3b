/** `pollout fanout`: tries every target of a list, and tells what became of them. */
import type { Endpoint, KeptOutcome, Reactor } from '@pollout/core'
import type { BackendName } from '../choose-backend.js'
import { ExitCode, UsageError } from './exit-codes.js'
import { type Input, openInput, unreadable } from './input.js'
import { LineOutput } from './line-output.js'
import { openReactor } from './open-reactor.js'
import { Progress } from './progress.js'
import { jsonLine, malformedReport, reportOf } from './report.js'
import { Stop } from './stop.js'
import { summary } from './summary.js'
import { Tally } from './tally.js'
import { readTargets, type TargetListener } from './target-list.js'

export interface FanoutCommandOptions {
  readonly backend: BackendName
  readonly timeoutMs: number
  readonly concurrency: number
  readonly rate?: number
  readonly json?: boolean
}

export async function fanoutCommand(
  file: string | undefined,
  options: FanoutCommandOptions,
): Promise<ExitCode> {
  const input = openInput(file)
  using stop = new Stop()
  await using reactor = openReactor(options.backend)
  const run = new FanoutRun(reactor, options, stop)
  let unreadableInput: unknown
  try {
    await run.all(input)
  } catch (error) {
    // What the list gave before is not lost: the summary comes first.
    if (!input.stream.errored) throw error
    unreadableInput = error
  } finally {
    input.stream.destroy()
  }
  await run.summarize()
  if (input.mayHang) stop.endBySignal()
  if (unreadableInput !== undefined) throw unreadable(input.name, unreadableInput)
  if (stop.exitCode !== undefined) return stop.exitCode
  if (run.tally.total === 0) {
    throw new UsageError(
      `no targets in ${input.name}; write one endpoint a line, as tcp://host:port`,
    )
  }
  return run.tally.connected === run.tally.total ? ExitCode.ALL_CONNECTED : ExitCode.SOME_FAILED
}

class FanoutRun implements TargetListener {
  readonly tally = new Tally()
  readonly #reactor: Reactor
  readonly #options: FanoutCommandOptions
  readonly #stop: Stop
  readonly #output: LineOutput
  #progress: Progress | undefined

  constructor(reactor: Reactor, options: FanoutCommandOptions, stop: Stop) {
    this.#reactor = reactor
    this.#options = options
    this.#stop = stop
    this.#output = new LineOutput(process.stdout, stop)
  }

  /** Rejects with what the input fails with, after the outcomes of all it gave. */
  async all(input: Input): Promise<void> {
    const { concurrency, timeoutMs, rate } = this.#options
    const { signal } = this.#stop
    if (this.#showsProgress) this.#progress = new Progress(this.tally, input.sizeBytes)
    using _ = this.#progress
    await new Promise<void>((resolve, reject) => {
      this.#reactor
        .connectMany(readTargets(input.stream, this), {
          concurrency,
          rate,
          timeoutMs,
          signal,
          onConnected: 'keep',
        })
        .subscribe({
          next: (outcome) => this.#settled(outcome),
          complete: resolve,
          error: (error) => (signal.aborted ? resolve() : reject(error)),
        })
    })
  }

  async summarize(): Promise<void> {
    const { json } = this.#options
    const { exitCode } = this.#stop
    // Nobody reads any more; or nothing was there to sum up, which is told otherwise.
    if (exitCode === ExitCode.BROKEN_PIPE || (this.tally.total === 0 && !exitCode)) return
    const stopped = exitCode !== undefined
    const text = summary(this.tally, { backend: this.#reactor.backend, stopped })
    if (!json) this.#output.line(text)
    await this.#output.end()
    if (json) process.stderr.write(`${text}\n`)
  }

  malformed(raw: string, line: number, message: string): void {
    const report = malformedReport(raw, this.#reactor.backend, message)
    this.tally.addFailed('invalid', report.code)
    if (this.#options.json) this.#output.line(jsonLine(report, { kind: 'invalid', line }))
  }

  position(bytes: number): void {
    this.#progress?.position(bytes)
  }

  room(): Promise<void> | undefined {
    return this.#output.room()
  }

  /** Lines of outcomes on the same terminal would be torn by it. */
  get #showsProgress(): boolean {
    return Boolean(process.stderr.isTTY && !(this.#options.json && process.stdout.isTTY))
  }

  #settled(outcome: KeptOutcome<Endpoint>): void {
    const { kind } = outcome
    if (kind === 'connected') this.tally.addConnected(outcome.elapsedMs)
    else this.tally.addFailed(kind, outcome.code)
    if (this.#options.json) {
      this.#output.line(jsonLine(reportOf(outcome, this.#reactor.backend), { kind }))
    }
    // Not closed but reset: thousands of connects would leave as many local ports in TIME_WAIT.
    if (kind === 'connected') outcome.connection.reset()
  }
}
