/** Between a backend and its reactor: tells the registrations of reference lanes from the reactor's. */

import type { Readiness, ReadinessSink } from '@pollout/core'

/** The lanes' tokens; those of a reactor count from 1, and never get there. */
const FIRST_TOKEN = 2 ** 52

/** Who registered under one of the lanes' tokens. */
export interface Registered {
  ready(readiness: Readiness): void
}

/** A lane that is open. */
export interface OpenLane {
  deliver(): void
  cancel(): void
}

export class Switchboard implements ReadinessSink {
  readonly lanes = new Set<OpenLane>()
  readonly #sink: ReadinessSink
  readonly #registered = new Map<number, Registered>()
  #lastToken = FIRST_TOKEN

  constructor(sink: ReadinessSink) {
    this.#sink = sink
  }

  token(listener: Registered): number {
    this.#registered.set(++this.#lastToken, listener)
    return this.#lastToken
  }

  forget(token: number): void {
    this.#registered.delete(token)
  }

  ready(tokens: Float64Array, readiness: Uint8Array, count: number): void {
    const own: number[] = []
    const others: number[] = []
    for (let i = 0; i < count; i++) ((tokens[i] ?? 0) > FIRST_TOKEN ? own : others).push(i)
    const ours = own.map((i) => [tokens[i] as number, readiness[i] as number] as const)
    if (others.length > 0) {
      const theirTokens = Float64Array.from(others, (i) => tokens[i] as number)
      const theirReadiness = Uint8Array.from(others, (i) => readiness[i] as number)
      this.#sink.ready(theirTokens, theirReadiness, others.length)
    }
    for (const [token, bits] of ours) {
      const listener = this.#registered.get(token)
      this.#registered.delete(token)
      listener?.ready(bits)
    }
    for (const lane of this.lanes) lane.deliver()
  }

  broken(cause: Error): void {
    this.#sink.broken(cause)
  }
}
