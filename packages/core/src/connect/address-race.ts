/**
 * Attempts at a name's addresses, several in flight at once, of which the first to connect wins: the driver of
 * `happy-eyeballs.ts`. It owns the attempts, their history, and the timer between them.
 */
import type { InetAddress, SocketType } from '../backend/address.js'
import type { InetFamily } from '../backend/ip-text.js'
import { isDenial, isExhaustion, isUnreachable } from '../errors/blame.js'
import type { AttemptRecord, Failure } from '../errors/failure.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import type { DestinationPolicy } from '../policy/policy.js'
import { Expirable } from '../reactor/deadlines.js'
import { Attempt, type AttemptOwner } from './attempt.js'
import { type AttemptGate, Pass } from './attempt-gate.js'
import { isSettled } from './attempt-machine.js'
import { HappyEyeballs, type RaceStep } from './happy-eyeballs.js'
import type { SocketSetup } from './socket-setup.js'

export interface RaceOwner {
  /** An attempt has ended, in whatever way; may cancel the race. */
  attemptEnded(record: AttemptRecord): void
  /** As it happens; each may cancel the race. */
  attemptBegan(attempt: Attempt): void
  attemptOverdue(attempt: Attempt): void
  attemptLost(attempt: Attempt): void
  /** All there is waits for its turn on this side; or not any more. */
  raceHeld(isHeld: boolean): void
  /** Called once, and not at all after `cancel()`. */
  raceSettled(race: AddressRace): void
}

export interface RaceOptions {
  readonly type: SocketType
  readonly attemptDelayMs: number
  readonly setup: SocketSetup | undefined
  readonly policy: DestinationPolicy | undefined
  /** How many addresses are tried. */
  readonly maxAddresses: number
  /** Undefined where attempts are made when the race wants them. */
  readonly gate: AttemptGate | undefined
}

/** How long IPv4 addresses wait for IPv6 ones that are still being looked up: RFC 8305 section 8. */
const RESOLUTION_DELAY_MS = 50

interface Runner {
  readonly attempt: Attempt
  readonly pass: Pass | undefined
  /** It waits to call connect(2) once more. */
  isHeld: boolean
  record: AttemptRecord | undefined
}

export class AddressRace extends Expirable implements AttemptOwner {
  /** The attempt that connected, or else the one that `failure` is about. */
  decisive: Attempt | undefined
  /** Why nobody won. */
  failure: Failure | undefined
  readonly #core: OutboundCore
  readonly #options: RaceOptions
  /** Undefined once it has been told, or has left. */
  #owner: RaceOwner | undefined
  readonly #machine: HappyEyeballs
  /** In the order of their starts. */
  readonly #runners: Runner[] = []
  /** The next attempt, which waits for its turn. */
  #waiting: Pass | undefined
  #isOver = false

  constructor(core: OutboundCore, options: RaceOptions, owner: RaceOwner) {
    super()
    this.#core = core
    this.#options = options
    this.#owner = owner
    this.#machine = new HappyEyeballs(options.maxAddresses)
  }

  /** More addresses, or the news that there are none; `awaited` is the family that is still being looked up. */
  answered(addresses: readonly InetAddress[], awaited: InetFamily | undefined): void {
    if (!this.#isOver) this.#follow(this.#machine.answered(addresses, awaited))
  }

  /** The delay between attempts, or the one before the first, is over. */
  expire(): void {
    const step = this.#machine.delayPassed()
    const overdue = this.#live.at(-1)
    if (overdue && step.kind === 'try') this.#owner?.attemptOverdue(overdue.attempt)
    if (!this.#isOver) this.#follow(step)
  }

  attemptSettled(attempt: Attempt): void {
    if (this.#isOver) return
    const runner = this.#runnerOf(attempt)
    const { failure } = attempt
    if (failure === undefined) return this.#won(attempt)
    this.#note(attempt, failure)
    this.#owner?.attemptLost(attempt)
    this.#end(runner)
    // Whoever was told of the attempt may have put an end to all.
    if (this.#isOver) return
    const isHopeless = isExhaustion(failure)
    const address = attempt.address as InetAddress
    this.#follow(
      isHopeless ? this.#machine.exhausted(address) : this.#machine.failed(!isDenial(failure)),
    )
    this.#balance()
  }

  attemptHeld(attempt: Attempt, isHeld: boolean): void {
    this.#runnerOf(attempt).isHeld = isHeld
    this.#balance()
  }

  /** Time is up for all of it. */
  timeOut(failure: Failure): void {
    const live = this.#live
    const cutShort = live.find(({ attempt }) => !isSettled(attempt.state))
    this.#isOver = true
    for (const { attempt } of live) {
      attempt.expire(failure)
      // It had failed by itself, and that was about to be told.
      if (attempt.failure && attempt.failure !== failure) this.#note(attempt, attempt.failure)
    }
    // As long as there was hope, waiting longer might have helped: that is what is told, and not what others failed with.
    if (cutShort || this.#machine.hasMore || this.failure === undefined) {
      this.decisive = cutShort?.attempt
      this.failure = failure
    }
    this.#settle()
  }

  /** Closes all sockets; its owner hears of the attempts that this ends, and nothing more. */
  cancel(): void {
    this.#isOver = true
    this.#core.deadlines.remove(this)
    // The winner too, where it has not been given away.
    for (const { attempt } of this.#runners) attempt.cancel()
    this.#endAll()
    this.#owner = undefined
  }

  /** All attempts so far, in the order of their starts. */
  get records(): readonly AttemptRecord[] {
    const now = this.#core.clock.now()
    return this.#runners.map((runner) => runner.record ?? runner.attempt.record(now))
  }

  /** All but the one that connected. */
  get failedRecords(): readonly AttemptRecord[] {
    return this.records.filter(({ result }) => result !== 'connected')
  }

  /** A socket is under way. */
  get isConnecting(): boolean {
    return this.#live.length > 0
  }

  get #live(): readonly Runner[] {
    return this.#runners.filter(({ record }) => record === undefined)
  }

  #follow(step: RaceStep): void {
    if (step.kind === 'try') this.#try(step.address)
    else if (step.kind === 'holdBack') this.#arm(RESOLUTION_DELAY_MS, this.#core.clock.now())
    else if (step.kind === 'lose') this.#settle()
  }

  #runnerOf(attempt: Attempt): Runner {
    return this.#runners.find((one) => one.attempt === attempt) as Runner
  }

  #try(address: InetAddress): void {
    this.#core.deadlines.remove(this)
    const { gate } = this.#options
    if (gate === undefined) return this.#begin(address, undefined)
    const pass = new Pass(address, () => {
      this.#waiting = undefined
      this.#machine.admitted()
      this.#begin(address, pass)
      this.#balance()
    })
    if (gate.enter(pass)) return this.#begin(address, pass)
    this.#waiting = pass
    this.#machine.held()
    this.#balance()
  }

  /** A race of which nothing is under way, as its next attempt waits for its turn, waits for nobody else. */
  #balance(): void {
    if (this.#isOver || this.#options.gate === undefined) return
    const live = this.#live
    const isWaiting = this.#waiting !== undefined || live.length > 0
    this.#owner?.raceHeld(isWaiting && live.every(({ isHeld }) => isHeld))
  }

  #begin(address: InetAddress, pass: Pass | undefined): void {
    const { type, setup, policy, attemptDelayMs, gate } = this.#options
    const now = this.#core.clock.now()
    const spec = { family: address.family, type }
    const attempt = new Attempt(this.#core, spec, address, this, setup, policy, gate)
    this.#runners.push({ attempt, pass, isHeld: false, record: undefined })
    if (this.#machine.hasMore) this.#arm(attemptDelayMs, now)
    attempt.start(now)
    this.#owner?.attemptBegan(attempt)
  }

  /** With the deadlines: what is ready is looked at before another attempt is begun. */
  #arm(delayMs: number, now: number): void {
    this.#core.deadlines.add(this, delayMs, now)
  }

  /** Of several failures, a peer's own refusal tells more than a network without a way to it does. */
  #note(attempt: Attempt, failure: Failure): void {
    if (this.failure && (isDenial(failure) || !tellsLittle(this.failure))) return
    this.failure = failure
    this.decisive = attempt
  }

  #won(winner: Attempt): void {
    this.#isOver = true
    this.decisive = winner
    this.failure = undefined
    for (const { attempt } of this.#live) if (attempt !== winner) attempt.cancel()
    this.#settle()
  }

  #settle(): void {
    this.#isOver = true
    this.#core.deadlines.remove(this)
    this.#endAll()
    const owner = this.#owner
    this.#owner = undefined
    owner?.raceSettled(this)
  }

  #endAll(): void {
    if (this.#waiting) this.#options.gate?.leave(this.#waiting)
    this.#waiting = undefined
    for (const runner of this.#live) this.#end(runner)
  }

  #end(runner: Runner): void {
    runner.record = runner.attempt.record(this.#core.clock.now())
    if (runner.pass) this.#options.gate?.leave(runner.pass)
    this.#owner?.attemptEnded(runner.record)
  }
}

function tellsLittle(failure: Failure): boolean {
  return failure.localFault || isUnreachable(failure)
}
