/** One run: a random program, performed on a backend and on the model of it at once. */
import assert from 'node:assert/strict'
import { type Backend, type BackendFactory, Interest } from '@pollout/core'
import { MOST_BYTES } from './bytes.js'
import { Calls } from './calls.js'
import { OPERATIONS, type Operation, Program, type Step } from './operations.js'
import type { Peers } from './peers.js'
import type { SocketModel } from './socket-model.js'
import { type Live, SocketTable } from './socket-table.js'
import { Trace } from './trace.js'

const { READABLE, WRITABLE } = Interest
/** Selectors from here on choose a handle that nobody has. */
const FIRST_STALE = 244

export class Run {
  readonly backend: Backend
  readonly trace = new Trace()
  readonly #patienceMs: number
  readonly #program: Program<Operation>
  readonly #sockets = new SocketTable()
  readonly #calls: Calls
  /** Events delivered. */
  reports = 0
  #polling = false
  #delivering = false
  #destroyed: Promise<void> | undefined
  #failure: unknown
  #wake: (() => void) | undefined

  /** `patienceMs` is for what is due. */
  constructor(factory: BackendFactory, peers: Peers, words: Uint32Array, patienceMs: number) {
    this.#program = new Program(words, OPERATIONS)
    this.#patienceMs = patienceMs
    this.backend = factory({
      ready: (tokens, readiness, count) => {
        try {
          this.#ready(tokens, readiness, count)
        } catch (failure) {
          this.#failure ??= failure
        } finally {
          this.#delivering = false
        }
        this.#wake?.()
      },
      broken: (cause) => {
        this.#failure ??= cause
        this.#wake?.()
      },
    })
    this.#calls = new Calls(this.backend, this.trace, this.#sockets, peers)
  }

  get executed(): number {
    return this.#program.executed
  }

  /** Registrations armed, by the model. */
  get armed(): number {
    return this.#sockets.armed.length
  }

  get isDestroyed(): boolean {
    return this.#destroyed !== undefined
  }

  disarmAll(): void {
    for (const { handle, model } of [...this.#sockets.live]) {
      this.backend.deregister(handle)
      this.#sockets.disarm(model)
    }
  }

  /** Performs the whole program; throws where the backend did what the model does not allow. */
  async perform(): Promise<void> {
    const { step } = this.#program
    while (this.#destroyed === undefined && this.#program.advance()) {
      const yields = this.#perform(step)
      if (yields !== undefined) await yields
      this.#check()
    }
  }

  /** Lets all that is under way come to its end: each report that is due, each connect, each byte of an echo. */
  async settle(): Promise<void> {
    if (this.#destroyed !== undefined) return
    for (const live of [...this.#sockets.live]) await this.#settleOne(live)
    const due = (): SocketModel[] => this.#sockets.armed.filter(({ isDue }) => isDue)
    await this.#until(
      () => due().length === 0,
      () => `the report of ${due().join(', ')}`,
    )
  }

  /** Ends the run. Nothing is left of it afterwards. */
  async end(): Promise<void> {
    this.#calls.end()
    await this.#destroy()
    this.#check()
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
    const expected = this.#sockets.live.length
    if (this.backend.openHandles !== expected) {
      assert.fail(`openHandles is ${this.backend.openHandles}, not ${expected}`)
    }
  }

  #ready(tokens: Float64Array, readiness: Uint8Array, count: number): void {
    assert.ok(!this.#calls.isCalling || this.#polling, 'a delivery inside a call')
    assert.ok(!this.#delivering, 'a delivery inside a delivery')
    assert.ok(this.#destroyed === undefined, 'a delivery after destroy()')
    assert.ok(count > 0 && count <= tokens.length, `a batch of ${count}`)
    this.#delivering = true
    this.reports += count
    // All of the batch as it stands before anything is done in it.
    const batch: SocketModel[] = []
    for (let i = 0; i < count; i++) {
      const token = tokens[i] ?? 0
      const bits = readiness[i] ?? 0
      const model = this.#sockets.armedAs(token)
      if (model === undefined) assert.fail(`token ${token} is not armed, readiness ${bits}`)
      this.trace.note('  ready', model.id, token, bits)
      model.ready(bits)
      this.#sockets.disarm(model)
      batch.push(model)
    }
    const copy = tokens.slice(0, count)
    for (const model of batch) {
      this.#react(model)
      if (this.#destroyed !== undefined) return
    }
    assert.deepEqual(tokens.slice(0, count), copy, 'the batch has changed under the sink')
  }

  /** What a program does in the sink: mostly what the event is for, and then anything. */
  #react(model: SocketModel): void {
    const decision = this.#program.peek()
    const live = this.#sockets.liveOf(model)
    if (live !== undefined && (decision & 3) !== 0) {
      if (model.phase === 'trying') this.#calls.finish(live)
      else this.#calls.receive(live, MOST_BYTES)
      if ((decision & 0x1c) === 0x1c) this.#replace(live)
    }
    for (let more = decision >> 6; more > 0; more--) {
      if (this.#destroyed !== undefined || !this.#program.advance()) return
      void this.#perform(this.#program.step)
      if (this.backend.openHandles !== this.#sockets.live.length) this.#check()
    }
  }

  /** As a fan-out does: the socket goes, and the next one connects to the same peer, in the same batch. */
  #replace(live: Live): void {
    const { target, family } = live.model
    this.#calls.close(live, 'reset')
    const next = this.#calls.open(family)
    if (target === undefined) return
    this.#calls.connect(next, target)
    this.#calls.register(next, WRITABLE)
  }

  /** A promise where the operation is to yield to the event loop. */
  #perform(step: Step): Promise<void> | undefined {
    const { operation, first, second } = step
    switch (operation) {
      case 'turn':
        return this.#delivering ? undefined : turn()
      case 'wait':
        return this.#delivering ? undefined : this.#report(1)
      case 'open':
        this.#calls.openAny(first)
        return
      case 'start':
        this.#calls.start(first, second)
        return
      case 'poll':
        this.#poll()
        return
      case 'reference':
        if (first & 1) this.backend.ref()
        else this.backend.unref()
        return
      case 'adopt':
        this.#calls.adopt(first)
        return
      case 'destroy':
        if (first < 64) void this.#destroy()
        return
      default:
        if (step.socket >= FIRST_STALE) this.#calls.callStale(step)
        else this.#calls.callLive(step)
        return
    }
  }

  #poll(): void {
    const outer = this.#polling
    this.#polling = !this.#delivering
    this.#calls.call(() => {
      this.backend.poll()
      return 0
    })
    this.#polling = outer
  }

  #destroy(): Promise<void> {
    if (this.#destroyed !== undefined) return this.#destroyed
    this.trace.note('destroy', 0, this.#sockets.live.length, 0)
    const { backend } = this
    const destroyed = backend.destroy()
    this.#destroyed = destroyed
    for (const live of [...this.#sockets.live]) this.#sockets.forget(live)
    assert.equal(backend.openHandles, 0, 'openHandles after destroy()')
    assert.ok(backend.open({ family: 'inet', type: 'stream' }) < 0, 'open() after destroy()')
    backend.poll()
    backend.unref()
    return destroyed
  }

  async #settleOne(live: Live): Promise<void> {
    const { model } = live
    const isOpen = (): boolean => this.#sockets.live.includes(live)
    while (isOpen() && model.phase === 'trying') {
      this.#calls.register(live, WRITABLE)
      if (!model.isDue) return this.#check()
      await this.#until(
        () => model.token === 0,
        () => `the end of the connect of ${model}`,
      )
      if (isOpen() && model.phase === 'trying') this.#calls.finish(live)
    }
    while (
      isOpen() &&
      model.phase === 'connected' &&
      model.kind === 'echo' &&
      model.outstanding > 0
    ) {
      this.#calls.register(live, READABLE)
      await this.#until(
        () => model.token === 0,
        () => `the echo of ${model}`,
      )
      if (isOpen()) this.#calls.receive(live, MOST_BYTES)
    }
    this.#check()
  }

  async #until(holds: () => boolean, what: () => string): Promise<void> {
    const deadline = performance.now() + this.#patienceMs
    for (;;) {
      this.#check()
      if (holds()) return
      assert.ok(performance.now() < deadline, `waited in vain for ${what()}`)
      await this.#report(100)
    }
  }

  /** Resolves after a batch, or after so long. */
  #report(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#wake = done
    })
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
