/** One run of the reactor's model test: connects, and the end of them in every order, with the counters followed. */
import assert from 'node:assert/strict'
import {
  type BackendFactory,
  ConnectError,
  type Connection,
  createReactor,
  type Endpoint,
  type Reactor,
  tcp,
  unix,
} from '@pollout/core'
import type { Subscription } from 'rxjs'
import { bytesAt, isEcho } from './bytes.js'
import { Program, type Step, tableOf } from './operations.js'
import type { PeerKind, Peers, Target } from './peers.js'

const OPERATIONS = tableOf({
  connect: 80,
  unsubscribe: 24,
  send: 36,
  read: 20,
  stopReading: 8,
  close: 16,
  reset: 14,
  turn: 54,
  reference: 3,
  destroy: 1,
})
type Operation = (typeof OPERATIONS)[number]

/** Ends that a connect may have; a deadline is also an end for one that goes on for ever. */
const CODES: Readonly<Record<PeerKind, readonly string[]>> = {
  echo: [],
  greeter: [],
  resetter: ['ECONNRESET', 'EPIPE'],
  closed: ['ECONNREFUSED'],
  missing: ['ENOENT'],
  full: [],
  invalid: [],
}
const CONNECTS: readonly PeerKind[] = ['echo', 'greeter', 'resetter']
const MOST_UNDER_WAY = 24
const DEADLINE_MS = 20

interface Attempt {
  readonly id: number
  readonly target: Target
  readonly hasDeadline: boolean
  subscription: Subscription | undefined
  isOver: boolean
}

interface Held {
  readonly id: number
  readonly kind: PeerKind
  readonly connection: Connection
  reading: Subscription | undefined
  sent: number
  received: number
}

export class ReactorRun {
  readonly reactor: Reactor
  readonly #program: Program<Operation>
  readonly #targets: readonly Target[]
  readonly #waiting = new Set<Attempt>()
  readonly #held: Held[] = []
  #lastId = 0
  #subscribing = false
  #failure: unknown
  #destroyed: Promise<void> | undefined
  emitted = 0
  #failed = 0
  #cancelled = 0

  constructor(factory: BackendFactory, peers: Peers, words: Uint32Array) {
    this.#program = new Program(words, OPERATIONS)
    this.reactor = createReactor({ backend: factory })
    const targets = peers.targetsFor(this.reactor.capabilities)
    this.#targets = Object.values(targets)
      .flat()
      .filter(({ kind }) => kind !== 'invalid')
  }

  get executed(): number {
    return this.#program.executed
  }

  async perform(): Promise<void> {
    const { step } = this.#program
    while (this.#destroyed === undefined && this.#program.advance()) {
      const yields = this.#perform(step)
      if (yields !== undefined) await yields
      this.#check()
    }
  }

  /** Every connect ends: by itself, or at its deadline. Those to a silent peer without one are left. */
  async settle(patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs
    const endsByItself = ({ target, hasDeadline }: Attempt): boolean =>
      hasDeadline || target.kind !== 'full'
    while ([...this.#waiting].some(endsByItself)) {
      this.#check()
      assert.ok(performance.now() < deadline, 'waited in vain for connects to end')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async end(): Promise<void> {
    await this.#destroy()
    this.#check()
    const { open, inFlight, registrations, deadlines } = this.reactor.stats()
    assert.deepEqual({ open, inFlight, registrations, deadlines }, NOTHING)
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
    const stats = this.reactor.stats()
    const { connected, failed, cancelled, inFlight, open } = stats
    const expected = {
      connected: this.emitted,
      failed: this.#failed,
      cancelled: this.#cancelled,
      inFlight: this.#waiting.size,
      open: this.#held.length,
    }
    assert.deepEqual({ connected, failed, cancelled, inFlight, open }, expected)
    assert.ok(stats.deadlines <= stats.inFlight, `${stats.deadlines} deadlines`)
    assert.ok(stats.registrations <= stats.inFlight + stats.open, `${stats.registrations} armed`)
  }

  #perform({ operation, socket, first, second }: Step<Operation>): Promise<void> | undefined {
    switch (operation) {
      case 'connect':
        this.#connect(first, second)
        return
      case 'unsubscribe':
        this.#unsubscribe(socket)
        return
      case 'turn':
        return new Promise((resolve) =>
          first < 8 ? setTimeout(resolve, 1) : setImmediate(resolve),
        )
      case 'reference':
        if (first & 1) this.reactor.ref()
        else this.reactor.unref()
        return
      case 'destroy':
        if (first < 64) void this.#destroy()
        return
      default: {
        const held = this.#held[socket % Math.max(1, this.#held.length)]
        if (held !== undefined) this.#use(held, operation, first)
        return
      }
    }
  }

  #connect(first: number, second: number): void {
    if (this.#waiting.size + this.#held.length >= MOST_UNDER_WAY) return this.#unsubscribe(first)
    const target = this.#targets[second % this.#targets.length]
    if (target === undefined) return
    const id = ++this.#lastId
    const hasDeadline = (first & 1) === 1
    const attempt: Attempt = { id, target, hasDeadline, subscription: undefined, isOver: false }
    this.#waiting.add(attempt)
    this.#subscribing = true
    attempt.subscription = this.reactor
      .connect(endpointOfTarget(target), hasDeadline ? { timeoutMs: DEADLINE_MS } : {})
      .subscribe({
        next: (connection) => this.#inside(attempt, () => this.#connected(attempt, connection)),
        error: (error: unknown) => this.#inside(attempt, () => this.#ended(attempt, error)),
      })
    this.#subscribing = false
  }

  /** What an observable calls: nothing inside subscribe(), and nothing after its end. */
  #inside(attempt: Attempt, then: () => void): void {
    try {
      assert.ok(!this.#subscribing, `connect ${attempt.id}: emitted inside subscribe()`)
      assert.ok(!attempt.isOver, `connect ${attempt.id}: emitted after its end`)
      attempt.isOver = true
      this.#waiting.delete(attempt)
      then()
    } catch (failure) {
      this.#failure ??= failure
    }
  }

  #connected({ id, target }: Attempt, connection: Connection): void {
    this.emitted++
    const { kind } = target
    this.#held.push({ id, kind, connection, reading: undefined, sent: 0, received: 0 })
    assert.ok(CONNECTS.includes(kind), `connect ${id} to a peer that is ${kind}`)
    assert.equal(connection.closed, false)
    this.#check()
    // In the same batch, whatever comes next.
    for (let more = this.#program.peek() >> 6; more > 0; more--) {
      if (this.#destroyed !== undefined || !this.#program.advance()) return
      const { step } = this.#program
      if (step.operation !== 'turn') void this.#perform(step)
    }
  }

  #ended({ id, target, hasDeadline }: Attempt, error: unknown): void {
    this.#failed++
    assert.ok(error instanceof ConnectError, `connect ${id}: ${error}`)
    const late = hasDeadline && error.code === 'ETIMEDOUT'
    const gone = this.#destroyed !== undefined && error.code === 'ERR_REACTOR_DESTROYED'
    const known = CODES[target.kind].includes(error.code)
    assert.ok(late || gone || known, `connect ${id} to a peer that is ${target.kind}: ${error}`)
  }

  #unsubscribe(choice: number): void {
    const waiting = [...this.#waiting]
    const attempt = waiting[choice % Math.max(1, waiting.length)]
    // One that is being subscribed to has no subscription yet.
    if (attempt?.subscription === undefined) return
    attempt.isOver = true
    this.#waiting.delete(attempt)
    this.#cancelled++
    attempt.subscription.unsubscribe()
  }

  #use(held: Held, operation: Operation, first: number): void {
    const { connection } = held
    switch (operation) {
      case 'send':
        return this.#send(held, first)
      case 'read':
        return this.#read(held)
      case 'stopReading':
        held.reading?.unsubscribe()
        held.reading = undefined
        return
      case 'close':
        // With nothing to send it is done when it returns; else it would be known a little later.
        if (connection.unsentBytes > 0) return
        this.#release(held)
        connection.close().catch((failure: unknown) => {
          this.#failure ??= failure
        })
        return
      default:
        this.#release(held)
        connection.reset()
    }
  }

  #release(held: Held): void {
    held.reading?.unsubscribe()
    held.reading = undefined
    this.#held.splice(this.#held.indexOf(held), 1)
  }

  #send(held: Held, length: number): void {
    if (held.kind !== 'echo' || length === 0) return
    const bytes = bytesAt(held.id, held.sent, length)
    held.sent += length
    held.connection.send(bytes).catch((error: unknown) => {
      if (this.#held.includes(held) && this.#destroyed === undefined) this.#failure ??= error
    })
  }

  #read(held: Held): void {
    if (held.reading !== undefined) return
    let isOver = false
    const reading = held.connection.received.subscribe({
      next: (chunk) => {
        if (isOver) this.#failure ??= new Error(`connection ${held.id}: a chunk after the end`)
        if (held.kind === 'echo' && !isEcho(chunk, held.id, held.received)) {
          this.#failure ??= new Error(`connection ${held.id}: other bytes than were sent`)
        }
        held.received += chunk.length
        if (held.kind === 'echo' && held.received > held.sent) {
          this.#failure ??= new Error(`connection ${held.id}: more bytes than were sent`)
        }
      },
      complete: () => {
        if (held.kind === 'echo') this.#failure ??= new Error(`connection ${held.id}: its end`)
      },
      error: (error: unknown) => {
        if (held.kind !== 'resetter' && this.#destroyed === undefined) this.#failure ??= error
      },
    })
    reading.add(() => {
      isOver = true
      held.reading = undefined
    })
    if (!reading.closed) held.reading = reading
  }

  #destroy(): Promise<void> {
    if (this.#destroyed !== undefined) return this.#destroyed
    let resolve = (_: Promise<void>): void => {}
    this.#destroyed = new Promise((done) => {
      resolve = done
    })
    const done = this.reactor.destroy()
    resolve(done)
    this.#held.length = 0
    return this.#destroyed
  }
}

const NOTHING = { open: 0, inFlight: 0, registrations: 0, deadlines: 0 }

function endpointOfTarget({ address }: Target): Endpoint {
  if (address.family === 'unix') return unix(address.path)
  if (address.family === 'vsock') throw new Error('no vsock here')
  return tcp(address.address, address.port)
}
