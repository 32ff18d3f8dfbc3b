/** The calls of a program on its sockets: each is made, noted, and told to the socket's model. */
import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import {
  type Backend,
  errno,
  type Handle,
  Interest,
  type SocketAddress,
  type Token,
} from '@pollout/core'
import { bytesAt, MOST_BYTES } from './bytes.js'
import type { Step } from './operations.js'
import { applyOption, assertUntouched } from './option-model.js'
import type { Peers, StreamFamily, Target } from './peers.js'
import { BOUND_ADDRESS, FOREIGN_ADDRESS, SocketModel } from './socket-model.js'
import type { Live, SocketTable } from './socket-table.js'
import { answerStale, neverAHandle } from './stale-calls.js'
import type { Trace } from './trace.js'

type Targets = Readonly<Record<StreamFamily, readonly Target[]>>

const { READABLE, WRITABLE } = Interest
const FAMILIES: readonly StreamFamily[] = ['inet', 'inet', 'inet6', 'unix']
const MOST_SOCKETS = 24
/** Sent and not yet back: less than any buffer on the way, so that an echo never waits for its reader. */
const MOST_OUTSTANDING = 32_768

export class Calls {
  readonly #backend: Backend
  readonly #trace: Trace
  readonly #sockets: SocketTable
  readonly #peers: Peers
  readonly #targets: Targets
  readonly #into = Buffer.alloc(MOST_BYTES)
  /** Descriptors that were handed out, and what is known of their sockets. */
  readonly #detached: { descriptor: number; model: SocketModel }[] = []
  #lastToken = 0
  #lastId = 0
  /** A call is under way. */
  isCalling = false

  constructor(backend: Backend, trace: Trace, sockets: SocketTable, peers: Peers) {
    this.#backend = backend
    this.#trace = trace
    this.#sockets = sockets
    this.#peers = peers
    this.#targets = peers.targetsFor(backend.capabilities)
  }

  /** Closes the descriptors that were handed out. */
  end(): void {
    for (const { descriptor } of this.#detached.splice(0)) closeSync(descriptor)
  }

  callLive({ operation, socket, first, second }: Step): void {
    const live = this.#sockets.at(socket)
    if (live === undefined) return
    const { handle, model } = live
    switch (operation) {
      case 'connect':
        return this.connect(live, this.#targetOf(model.family, first))
      case 'register':
        return this.register(live, 1 + (first % 3))
      case 'deregister':
        this.call(() => {
          this.#backend.deregister(handle)
          return 0
        })
        this.#trace.note('deregister', model.id, 0, 0)
        return this.#sockets.disarm(model)
      case 'finish':
        return this.finish(live)
      case 'send':
        return this.send(live, first < 16 ? first * 256 : first % 64, second)
      case 'receive':
        return this.receive(live, first < 32 ? 1 : first * 32)
      case 'shutdown':
        return model.shutdown(
          this.#note('shutdown', model, 0, () => this.#backend.shutdown(handle)),
        )
      case 'closeReset':
        return this.close(live, 'reset')
      case 'closeGraceful':
        return this.close(live, 'graceful')
      case 'localAddress':
        return model.local(this.#backend.localAddress(handle))
      case 'peerAddress':
        return model.peer(this.#backend.peerAddress(handle))
      case 'bind':
        return this.#bind(live, first)
      case 'setOption':
        if (this.#backend.setOption === undefined) return
        return applyOption(this.#backend, handle, model, first, second)
      case 'disconnect':
        return this.#disconnect(live)
      case 'detach':
        return this.#detach(live)
      default:
        assert.fail(`no such operation on a socket: ${operation}`)
    }
  }

  openAny(choice: number): Live {
    if (this.#sockets.live.length >= MOST_SOCKETS) {
      const oldest = this.#sockets.at(choice)
      if (oldest !== undefined) this.close(oldest, choice & 1 ? 'reset' : 'graceful')
    }
    return this.open(FAMILIES[choice & 3] ?? 'inet')
  }

  open(family: StreamFamily): Live {
    const id = ++this.#lastId
    const model = new SocketModel(id, family, this.#backend.capabilities)
    const handle = this.#note('open', model, 0, () =>
      this.#backend.open({ family, type: 'stream' }),
    )
    assert.ok(handle >= 0, `open: ${handle}`)
    return this.#sockets.add(handle as Handle, model)
  }

  start(first: number, second: number): void {
    const live = this.openAny(first)
    this.connect(live, this.#targetOf(live.model.family, second))
    if (first & 0x70) this.register(live, first & 0x80 ? WRITABLE : WRITABLE | READABLE)
  }

  #targetOf(family: StreamFamily, choice: number): Target {
    const targets = this.#targets[family]
    const target = targets[choice % targets.length]
    if (target === undefined) throw new Error(`nobody to connect to over ${family}`)
    return target
  }

  connect({ handle, model }: Live, target: Target): void {
    const to: SocketAddress = target.address
    const result = this.#note(target.kind, model, 0, () => this.#backend.connect(handle, to))
    model.connect(target, result)
  }

  register({ handle, model }: Live, interest: Interest): void {
    const token = ++this.#lastToken as Token
    const result = this.#note('register', model, interest, () =>
      this.#backend.register(handle, token, interest),
    )
    assert.equal(result, 0, `${model}: register`)
    this.#sockets.disarm(model)
    this.#sockets.arm(model, token, interest)
  }

  finish({ handle, model }: Live): void {
    model.finish(this.#note('finish', model, 0, () => this.#backend.finishConnect(handle)))
    if (model.phase !== 'connected') return
    assertUntouched(this.#backend, handle, model)
    model.local(this.#backend.localAddress(handle))
  }

  send({ handle, model }: Live, length: number, offset: number): void {
    if (model.outstanding + length > MOST_OUTSTANDING) return
    const bytes = bytesAt(model.id, model.sent, length)
    // From the middle of a larger one.
    const start = Math.min(offset, bytes.byteOffset)
    const data = new Uint8Array(bytes.buffer, bytes.byteOffset - start, start + length)
    model.send(
      length,
      this.#note('send', model, length, () => this.#backend.send(handle, data, start)),
    )
  }

  receive({ handle, model }: Live, room: number): void {
    const into = this.#into.subarray(0, room)
    const result = this.#note('receive', model, room, () => this.#backend.receive(handle, into))
    assert.ok(result <= room, `${model}: received ${result} into ${room}`)
    model.receive(into.subarray(0, Math.max(0, result)), result)
  }

  close(live: Live, mode: 'graceful' | 'reset'): void {
    const { handle, model } = live
    this.#note(mode, model, 0, () => {
      this.#backend.close(handle, mode)
      return 0
    })
    this.#sockets.forget(live)
  }

  #bind({ handle, model }: Live, choice: number): void {
    const backend = this.#backend
    if (backend.bind === undefined) return
    // Where errors are told later, an address that is nobody's is told by the connect.
    const foreign = choice >= 240 && backend.capabilities.immediateErrors
    const at = placeFor(model.family, foreign ? FOREIGN_ADDRESS : BOUND_ADDRESS)
    const result = this.#note('bind', model, choice, () => backend.bind?.(handle, at) ?? 0)
    model.bind(at, result)
  }

  #disconnect({ handle, model }: Live): void {
    const backend = this.#backend
    if (backend.disconnect === undefined) return
    model.disconnect(this.#note('disconnect', model, 0, () => backend.disconnect?.(handle) ?? 0))
  }

  #detach(live: Live): void {
    const { kernel } = this.#backend
    if (kernel === undefined) return
    const { handle, model } = live
    const descriptor = this.#note('detach', model, 0, () => kernel.detach(handle))
    assert.ok(descriptor > 2, `${model}: detach: ${descriptor}`)
    this.#sockets.forget(live)
    this.#detached.push({ descriptor, model })
  }

  /** Takes one back that was handed out, in whatever state it is by now; or one that is no socket, or none at all. */
  adopt(choice: number): void {
    const { kernel } = this.#backend
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
  callStale({ operation, socket, first }: Step): void {
    const backend = this.#backend
    const trace = this.#trace
    const handle = first < 32 ? undefined : this.#sockets.stale(first)
    const none = handle ?? neverAHandle(socket)
    if (this.#sockets.isOpen(none)) return
    const token = ++this.#lastToken as Token
    const result = this.call(() => answerStale(backend, operation, none, token))
    trace.note(`stale ${operation}`, -1, none, result)
    assert.equal(result, -errno.EBADF, `${operation} on stale handle ${none}`)
    assert.equal(backend.localAddress(none), undefined)
    assert.equal(backend.peerAddress(none), undefined)
  }

  /** The call, with what it must not do: deliver. Exceptions pass: none is allowed to. */
  call(call: () => number): number {
    // A call from the sink is inside a poll() where that one delivers.
    const outer = this.isCalling
    this.isCalling = true
    const result = call()
    this.isCalling = outer
    return result
  }

  #note(name: string, model: SocketModel, argument: number, call: () => number): number {
    const result = this.call(call)
    this.#trace.note(name, model.id, argument, result)
    return result
  }
}

/** A local address with any port, or any name. */
function placeFor(family: StreamFamily, address: string): SocketAddress {
  if (family === 'unix') return { family, path: '' }
  return { family, address: family === 'inet6' ? '::1' : address, port: 0 }
}
