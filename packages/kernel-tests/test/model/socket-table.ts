/** The sockets of one run: those open, their handles, and their armed registrations. */
import assert from 'node:assert/strict'
import type { Handle, Interest, Token } from '@pollout/core'
import type { SocketModel } from './socket-model.js'

/** An open socket: what it is called, and what is expected of it. */
export interface Live {
  readonly handle: Handle
  readonly model: SocketModel
}

const KEPT_STALE = 16

export class SocketTable {
  readonly #live: Live[] = []
  readonly #armed = new Map<number, SocketModel>()
  readonly #handles = new Set<number>()
  readonly #stale: Handle[] = []

  get live(): readonly Live[] {
    return this.#live
  }

  get armed(): SocketModel[] {
    return [...this.#armed.values()]
  }

  /** One of those open; undefined where none is. */
  at(choice: number): Live | undefined {
    return this.#live[choice % Math.max(1, this.#live.length)]
  }

  /** Undefined where it was closed. */
  liveOf(model: SocketModel): Live | undefined {
    return this.#live.find((each) => each.model === model)
  }

  isOpen(handle: Handle): boolean {
    return this.#live.some((each) => each.handle === handle)
  }

  /** The handle of one that was closed. */
  stale(choice: number): Handle | undefined {
    return this.#stale[choice % Math.max(1, this.#stale.length)]
  }

  add(handle: Handle, model: SocketModel): Live {
    assert.ok(Number.isSafeInteger(handle), `handle ${handle}`)
    assert.ok(!this.#handles.has(handle), `handle ${handle} is used again`)
    this.#handles.add(handle)
    const live = { handle, model }
    this.#live.push(live)
    return live
  }

  /** It is closed, or somebody else's. */
  forget(live: Live): void {
    const { handle, model } = live
    this.disarm(model)
    const last = this.#live.pop()
    if (last !== undefined && last !== live) this.#live[this.#live.indexOf(live)] = last
    this.#stale.push(handle)
    if (this.#stale.length > KEPT_STALE) this.#stale.shift()
  }

  /** In place of the registration that it has. */
  arm(model: SocketModel, token: Token, interest: Interest): void {
    this.disarm(model)
    model.token = token
    model.interest = interest
    this.#armed.set(token, model)
  }

  disarm(model: SocketModel): void {
    if (model.token === 0) return
    this.#armed.delete(model.token)
    model.token = 0
    model.interest = 0
  }

  armedAs(token: number): SocketModel | undefined {
    return this.#armed.get(token)
  }
}
