/** A fan-out that has its plan: outcomes to the output, the tally and the report, and what is told of it. */
import type { DestinationPolicy, Reactor } from '@pollout/core'
import { perSecond, targets, whole } from '../../outcomes/figures.js'
import type { FanoutKind, OutcomeRow, OutcomeSink } from '../../outcomes/outcome-row.js'
import { Tally } from '../../outcomes/tally.js'
import { say } from '../common/console.js'
import { ExitCode } from '../common/exit-codes.js'
import type { Stop } from '../common/stop.js'
import { standardOutput } from './destination.js'
import { type FanoutCommandOptions, formatOf, probeOf, shownKinds } from './fanout-options.js'
import { noTargets, type Plan } from './fanout-plan.js'
import { FanoutRun, type RunOwner } from './fanout-run.js'
import { type Format, formats } from './formats.js'
import type { Input } from './input.js'
import { OutcomeWriter } from './outcome-writer.js'
import type { OutputFile } from './output-file.js'
import { Progress } from './progress.js'
import type { ReportFile } from './report-file.js'
import { summary } from './summary.js'

/** What a fan-out stands on. */
export interface Means {
  readonly plan: Plan
  readonly lists: readonly Input[]
  readonly policy: DestinationPolicy | undefined
  readonly output: OutputFile | undefined
  readonly report: ReportFile | undefined
  readonly options: FanoutCommandOptions
  readonly stop: Stop
}

export class Fanout implements RunOwner {
  readonly #means: Means
  readonly #reactor: Reactor
  readonly #tally: Tally
  /** All that is to hear of outcomes, besides the output. */
  readonly #sinks: readonly OutcomeSink[]
  readonly #format: Format
  readonly #shown: readonly FanoutKind[] | undefined
  readonly #writer: OutcomeWriter
  readonly #run: FanoutRun

  constructor(reactor: Reactor, means: Means) {
    const { plan, policy, output, report, options, stop } = means
    this.#means = means
    this.#reactor = reactor
    this.#tally = new Tally(plan.resumed?.counts)
    this.#sinks = report ? [this.#tally, report] : [this.#tally]
    this.#format = formats[formatOf(options)]
    this.#shown = shownKinds(options)
    const onRoom = (): void => this.#run.wake()
    this.#writer = new OutcomeWriter(output ?? standardOutput(), plan.journal, stop, onRoom)
    const settings = { ...options, policy, probe: probeOf(options) }
    this.#run = new FanoutRun(reactor, plan.source, settings, stop, this)
  }

  /** Rejects with what the input fails with, after outcomes and summary of all it gave. */
  async all(): Promise<ExitCode> {
    const { plan, options, stop, lists } = this.#means
    if (!options.silent && plan.total !== undefined) this.#announce(plan.total)
    // What an earlier run has written begins with it.
    if ((plan.resumed?.outputBytes ?? 0) === 0) this.#writer.header(this.#format.header)
    let complete = false
    try {
      using _ = this.#progress()
      await this.#run.all()
      complete = stop.exitCode === undefined
    } finally {
      await this.#writer.end(complete)
      if (!options.silent) this.#summarize()
      await this.#report()
    }
    if (stop.exitCode !== undefined) return stop.exitCode
    const { total, connected } = this.#tally
    if (total + plan.excluded() === 0) throw noTargets(lists)
    return connected === total ? ExitCode.ALL_CONNECTED : ExitCode.SOME_FAILED
  }

  settled(position: number, row: OutcomeRow): void {
    for (const sink of this.#sinks) sink.outcome(row)
    const isShown = this.#shown?.includes(row.kind) ?? true
    const line = isShown ? this.#format.line(row) : ''
    this.#writer.outcome(position, line, row.kind, row.summedCode)
  }

  hasRoom(position: number): boolean {
    const { journal } = this.#means.plan
    if (journal === undefined) return this.#writer.hasRoom
    // What a killed run has to repeat: no more than what it was told to have in flight, however slow the disk is.
    const atRisk = this.#run.open + this.#writer.unconfirmed
    return atRisk < this.#means.options.concurrency && journal.ledger.done.holds(position)
  }

  #announce(total: number): void {
    const { plan, options } = this.#means
    const { seed } = plan
    const parts = [targets(total)]
    if (plan.resumed) parts.push(`${whole(this.#tally.earlier)} of them done before`)
    parts.push(
      `at most ${perSecond(options.rate)} a second and ${whole(options.concurrency)} at once`,
    )
    if (seed !== undefined && seed !== options.seed) parts.push(`--seed ${seed}`)
    say(parts.join(', '))
  }

  /** On a terminal, and elsewhere when asked for. */
  #progress(): Progress | undefined {
    const { silent, progress } = this.#means.options
    if (silent || !(process.stderr.isTTY || progress)) return undefined
    return new Progress(this.#tally, this.#run, this.#means.plan.total)
  }

  /** A report that can't be written leaves everything else as it is, but for the exit code. */
  async #report(): Promise<void> {
    const { report, plan, options, stop } = this.#means
    const facts: [string, string][] = [
      ['ended', new Date().toISOString()],
      ['backend', this.#reactor.backend],
      ['connects a second', `at most ${perSecond(options.rate)}`],
      ['in flight', `at most ${whole(options.concurrency)}`],
      ['time for each', `${whole(options.timeoutMs)} ms`],
    ]
    const { paceLost } = this.#run
    if (paceLost) facts.push(['pace', paceLost])
    if (plan.seed !== undefined) facts.push(['seed', plan.seed])
    if (plan.resumed) facts.push(['resumed after', `${targets(this.#tally.earlier)}, not in here`])
    const failure = await report?.write({ facts, stopped: stop.exitCode !== undefined })
    if (failure === undefined) return
    say(failure)
    stop.stop(ExitCode.CANT_WRITE)
  }

  #summarize(): void {
    const { stop, output, plan } = this.#means
    const { exitCode } = stop
    const excluded = plan.excluded()
    // Nobody reads any more; or nothing was there to sum up, which is told otherwise.
    if (exitCode === ExitCode.BROKEN_PIPE) return
    if (this.#tally.total + excluded === 0 && exitCode === undefined) return
    const { paceLost } = this.#run
    const stopped = exitCode !== undefined
    const context = { backend: this.#reactor.backend, stopped, excluded, paceLost }
    process.stderr.write(`${summary(this.#tally, context)}\n`)
    if (exitCode === undefined) return
    if (exitCode === ExitCode.CANT_WRITE && output)
      say(`${output.name} has ${whole(this.#writer.written)} outcomes of this run`)
    if (plan.journal) say(`go on with the same command and --resume`)
  }
}
