/** One run: a random program, performed on a backend and on the model of it at once. */
import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import {
  type Backend,
  type BackendFactory,
  errno,
  type Handle,
  Interest,
  type SocketAddress,
  type Token,
} from '@pollout/core'
import { bytesAt, MOST_BYTES } from './bytes.js'
import { OPERATIONS, type Operation, Program, type Step } from './operations.js'
import { applyOption, assertUntouched } from './option-model.js'
import type { Peers, StreamFamily, Target } from './peers.js'
import { BOUND_ADDRESS, FOREIGN_ADDRESS, SocketModel } from './socket-model.js'
import { type Live, SocketTable } from './socket-table.js'
import { answerStale, neverAHandle } from './stale-calls.js'
import { Trace } from './trace.js'

type Targets = Readonly<Record<StreamFamily, readonly Target[]>>

const { READABLE, WRITABLE } = Interest
const FAMILIES: readonly StreamFamily[] = ['inet', 'inet', 'inet6', 'unix']
const MOST_SOCKETS = 24
/** Sent and not yet back: less than any buffer on the way, so that an echo never waits for its reader. */
const MOST_OUTSTANDING = 32_768
/** Selectors from here on choose a handle that nobody has. */
const FIRST_STALE = 244

export class Run {
  readonly backend: Backend
  readonly trace = new Trace()
  readonly #targets: Targets
  readonly #peers: Peers
  readonly #patienceMs: number
  readonly #program: Program<Operation>
  readonly #sockets = new SocketTable()
  /** Descriptors that were handed out, and what is known of their sockets. */
  readonly #detached: { descriptor: number; model: SocketModel }[] = []
  readonly #into = Buffer.alloc(MOST_BYTES)
  /** Events delivered. */
  reports = 0
  #lastToken = 0
  #lastId = 0
  #calling = false
  #polling = false
  #delivering = false
  #destroyed: Promise<void> | undefined
  #failure: unknown
  #wake: (() => void) | undefined

  /** `patienceMs` is for what is due. */
  constructor(factory: BackendFactory, peers: Peers, words: Uint32Array, patienceMs: number) {
    this.#program = new Program(words, OPERATIONS)
    this.#patienceMs = patienceMs
    this.#peers = peers
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
    this.#targets = peers.targetsFor(this.backend.capabilities)
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
    for (const { descriptor } of this.#detached.splice(0)) closeSync(descriptor)
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
    assert.ok(!this.#calling || this.#polling, 'a delivery inside a call')
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
      if (model.phase === 'trying') this.#finish(live)
      else this.#receive(live, MOST_BYTES)
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
    this.#close(live, 'reset')
    const next = this.#open(family)
    if (target === undefined) return
    this.#connect(next, target)
    this.#register(next, WRITABLE)
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
        this.#openAny(first)
        return
      case 'start':
        this.#start(first, second)
        return
      case 'poll':
        this.#poll()
        return
      case 'reference':
        if (first & 1) this.backend.ref()
        else this.backend.unref()
        return
      case 'adopt':
        this.#adopt(first)
        return
      case 'destroy':
        if (first < 64) void this.#destroy()
        return
      default:
        if (step.socket >= FIRST_STALE) this.#callStale(step)
        else this.#callLive(step)
        return
    }
  }

  #callLive({ operation, socket, first, second }: Step): void {
    const live = this.#sockets.at(socket)
    if (live === undefined) return
    const { handle, model } = live
    switch (operation) {
      case 'connect':
        return this.#connect(live, this.#targetOf(model.family, first))
      case 'register':
        return this.#register(live, 1 + (first % 3))
      case 'deregister':
        this.#call(() => {
          this.backend.deregister(handle)
          return 0
        })
        this.trace.note('deregister', model.id, 0, 0)
        return this.#sockets.disarm(model)
      case 'finish':
        return this.#finish(live)
      case 'send':
        return this.#send(live, first < 16 ? first * 256 : first % 64, second)
      case 'receive':
        return this.#receive(live, first < 32 ? 1 : first * 32)
      case 'shutdown':
        return model.shutdown(this.#note('shutdown', model, 0, () => this.backend.shutdown(handle)))
      case 'closeReset':
        return this.#close(live, 'reset')
      case 'closeGraceful':
        return this.#close(live, 'graceful')
      case 'localAddress':
        return model.local(this.backend.localAddress(handle))
      case 'peerAddress':
        return model.peer(this.backend.peerAddress(handle))
      case 'bind':
        return this.#bind(live, first)
      case 'setOption':
        if (this.backend.setOption === undefined) return
        return applyOption(this.backend, handle, model, first, second)
      case 'disconnect':
        return this.#disconnect(live)
      case 'detach':
        return this.#detach(live)
      default:
        assert.fail(`no such operation on a socket: ${operation}`)
    }
  }

  #openAny(choice: number): Live {
    if (this.#sockets.live.length >= MOST_SOCKETS) {
      const oldest = this.#sockets.at(choice)
      if (oldest !== undefined) this.#close(oldest, choice & 1 ? 'reset' : 'graceful')
    }
    return this.#open(FAMILIES[choice & 3] ?? 'inet')
  }

  #open(family: StreamFamily): Live {
    const id = ++this.#lastId
    const model = new SocketModel(id, family, this.backend.capabilities)
    const handle = this.#note('open', model, 0, () => this.backend.open({ family, type: 'stream' }))
    assert.ok(handle >= 0, `open: ${handle}`)
    return this.#sockets.add(handle as Handle, model)
  }

  #start(first: number, second: number): void {
    const live = this.#openAny(first)
    this.#connect(live, this.#targetOf(live.model.family, second))
    if (first & 0x70) this.#register(live, first & 0x80 ? WRITABLE : WRITABLE | READABLE)
  }

  #targetOf(family: StreamFamily, choice: number): Target {
    const targets = this.#targets[family]
    const target = targets[choice % targets.length]
    if (target === undefined) throw new Error(`nobody to connect to over ${family}`)
    return target
  }

  #connect({ handle, model }: Live, target: Target): void {
    const to: SocketAddress = target.address
    const result = this.#note(target.kind, model, 0, () => this.backend.connect(handle, to))
    model.connect(target, result)
  }

  #register({ handle, model }: Live, interest: Interest): void {
    const token = ++this.#lastToken as Token
    const result = this.#note('register', model, interest, () =>
      this.backend.register(handle, token, interest),
    )
    assert.equal(result, 0, `${model}: register`)
    this.#sockets.disarm(model)
    this.#sockets.arm(model, token, interest)
  }

  #finish({ handle, model }: Live): void {
    model.finish(this.#note('finish', model, 0, () => this.backend.finishConnect(handle)))
    if (model.phase !== 'connected') return
    assertUntouched(this.backend, handle, model)
    model.local(this.backend.localAddress(handle))
  }

  #send({ handle, model }: Live, length: number, offset: number): void {
    if (model.outstanding + length > MOST_OUTSTANDING) return
    const bytes = bytesAt(model.id, model.sent, length)
    // From the middle of a larger one.
    const start = Math.min(offset, bytes.byteOffset)
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset - start, start + length)
    model.send(
      length,
      this.#note('send', model, length, () => this.backend.send(handle, data, start)),
    )
  }

  #receive({ handle, model }: Live, room: number): void {
    const into = this.#into.subarray(0, room)
    const result = this.#note('receive', model, room, () => this.backend.receive(handle, into))
    assert.ok(result <= room, `${model}: received ${result} into ${room}`)
    model.receive(into.subarray(0, Math.max(0, result)), result)
  }

  #close(live: Live, mode: 'graceful' | 'reset'): void {
    const { handle, model } = live
    this.#note(mode, model, 0, () => {
      this.backend.close(handle, mode)
      return 0
    })
    this.#sockets.forget(live)
  }

  #bind({ handle, model }: Live, choice: number): void {
    const { backend } = this
    if (backend.bind === undefined) return
    // Where errors are told later, an address that is nobody's is told by the connect.
    const foreign = choice >= 240 && backend.capabilities.immediateErrors
    const at = placeFor(model.family, foreign ? FOREIGN_ADDRESS : BOUND_ADDRESS)
    const result = this.#note('bind', model, choice, () => backend.bind?.(handle, at) ?? 0)
    model.bind(at, result)
  }

  #disconnect({ handle, model }: Live): void {
    const { backend } = this
    if (backend.disconnect === undefined) return
    model.disconnect(this.#note('disconnect', model, 0, () => backend.disconnect?.(handle) ?? 0))
  }

  #detach(live: Live): void {
    const { kernel } = this.backend
    if (kernel === undefined) return
    const { handle, model } = live
    const descriptor = this.#note('detach', model, 0, () => kernel.detach(handle))
    assert.ok(descriptor > 2, `${model}: detach: ${descriptor}`)
    this.#sockets.forget(live)
    this.#detached.push({ descriptor, model })
  }

  /** Takes one back that was handed out, in whatever state it is by now; or one that is no socket, or none at all. */
  #adopt(choice: number): void {
    const { kernel } = this.backend
    if (kernel === undefined) return
    const taken = choice < 200 ? this.#detached.pop() : undefined
    if (taken === undefined) {
      const [descriptor, answer] =
        choice & 1 ? [1_000_000, errno.EBADF] : [this.#peers.plainFile, errno.ENOTSOCK]
      return assert.equal(kernel.adopt(descriptor), -answer, `adopt(${descriptor})`)
    }
    const { descriptor, model } = taken
    const handle = this.#note('adopt', model, descriptor, () => kernel.adopt(descriptor))
    assert.ok(handle >= 0, `${model}: adopt: ${handle}`)
    const { handle: name } = this.#sockets.add(handle as Handle, model)
    assert.deepEqual(kernel.specOf(name), { family: model.family, type: 'stream' })
  }

  /** Any call on a handle that is closed or never was: nothing happens, and -EBADF says so. */
  #callStale({ operation, socket, first }: Step): void {
    const { backend, trace } = this
    const handle = first < 32 ? undefined : this.#sockets.stale(first)
    const none = handle ?? neverAHandle(socket)
    if (this.#sockets.isOpen(none)) return
    const token = ++this.#lastToken as Token
    const result = this.#call(() => answerStale(backend, operation, none, token))
    trace.note(`stale ${operation}`, -1, none, result)
    assert.equal(result, -errno.EBADF, `${operation} on stale handle ${none}`)
    assert.equal(backend.localAddress(none), undefined)
    assert.equal(backend.peerAddress(none), undefined)
  }

  #poll(): void {
    const outer = this.#polling
    this.#polling = !this.#delivering
    this.#call(() => {
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

  /** The call, with what it must not do: deliver. Exceptions pass: none is allowed to. */
  #call(call: () => number): number {
    // A call from the sink is inside a poll() where that one delivers.
    const outer = this.#calling
    this.#calling = true
    const result = call()
    this.#calling = outer
    return result
  }

  #note(name: string, model: SocketModel, argument: number, call: () => number): number {
    const result = this.#call(call)
    this.trace.note(name, model.id, argument, result)
    return result
  }

  async #settleOne(live: Live): Promise<void> {
    const { model } = live
    const isOpen = (): boolean => this.#sockets.live.includes(live)
    while (isOpen() && model.phase === 'trying') {
      this.#register(live, WRITABLE)
      if (!model.isDue) return this.#check()
      await this.#until(
        () => model.token === 0,
        () => `the end of the connect of ${model}`,
      )
      if (isOpen() && model.phase === 'trying') this.#finish(live)
    }
    while (
      isOpen() &&
      model.phase === 'connected' &&
      model.kind === 'echo' &&
      model.outstanding > 0
    ) {
      this.#register(live, READABLE)
      await this.#until(
        () => model.token === 0,
        () => `the echo of ${model}`,
      )
      if (isOpen()) this.#receive(live, MOST_BYTES)
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

/** A local address with any port, or any name. */
function placeFor(family: StreamFamily, address: string): SocketAddress {
  if (family === 'unix') return { family, path: '' }
  return { family, address: family === 'inet6' ? '::1' : address, port: 0 }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
