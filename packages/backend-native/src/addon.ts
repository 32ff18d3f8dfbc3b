/** The compiled addon: its functions. */
import type { SocketAddress } from '@pollout/core'

/** An option of setsockopt(2). */
export type NativeOption = readonly [level: number, option: number, value: Uint8Array]
/** An address to bind to, as the other calls have it. */
export type NativeSource = readonly [family: number, where: string | number, port: number]

/** A part of a request. */
export type NativePart = readonly [
  kind: number,
  first: number,
  count: number,
  width: number,
  bytes: Uint8Array,
]

/**
 * The functions of one backend, made by native/functions.cc. Results are as in `Backend`. An address is three arguments:
 * the family's number, its literal or path or context identifier, and its port (0 for a path).
 */
export interface NativeFunctions {
  open(family: number, type: number): number
  adopt(descriptor: number): number
  bind(handle: number, family: number, where: string | number, port: number): number
  connect(handle: number, family: number, where: string | number, port: number): number
  connectAndWait(
    handle: number,
    timeoutMs: number,
    family: number,
    where: string | number,
    port: number,
  ): number
  disconnect(handle: number): number
  register(handle: number, token: number, interest: number): number
  watch(handle: number, token: number): number
  deregister(handle: number): void
  finishConnect(handle: number, times?: Float64Array): number
  /** 1, 0, or a negated errno. */
  failedHere(handle: number): number
  receive(handle: number, into: Uint8Array): number
  ended(handle: number): boolean | undefined
  send(handle: number, data: Uint8Array, offset: number): number
  shutdown(handle: number): number
  setOption(handle: number, level: number, option: number, value: Uint8Array): number
  getOption(handle: number, level: number, option: number, into: Uint8Array): number
  close(handle: number, reset: boolean): void
  detach(handle: number): number
  /** The family's number times 16, and the type's. */
  kindOf(handle: number): number
  localAddress(handle: number): SocketAddress | undefined
  peerAddress(handle: number): SocketAddress | undefined
  /** A new bulk lane: its number. Throws where the system has no descriptor for it. */
  openLane(
    limit: number,
    onConnected: number,
    inet: readonly NativeOption[],
    inet6: readonly NativeOption[],
    sources: readonly NativeSource[],
    intervalMs: number,
    outcomes: (records: Float64Array, count: number) => void,
  ): number
  submit(lane: number, attempts: Uint8Array, count: number): void
  limit(lane: number, most: number): void
  cancel(lane: number): void
  /** A new exchange lane: its number. Throws where the system has no descriptor, or no thread, for it. */
  openExchanges(
    peers: readonly NativeSource[],
    inet: readonly NativeOption[],
    inet6: readonly NativeOption[],
    unix: readonly NativeOption[],
    sources: readonly NativeSource[],
    numbers: Float64Array,
    requests: readonly (readonly NativePart[])[],
    delimiter: Uint8Array,
    includes: Uint8Array,
    exchanges: (records: Float64Array, count: number) => void,
    connections: (records: Float64Array, count: number) => void,
  ): number
  submitExchanges(lane: number, exchanges: Float64Array, count: number): void
  stopExchanges(lane: number): void
  cancelExchanges(lane: number): void
  openHandles(): number
  poll(): void
  setRef(ref: boolean): void
  /** Resets what is open, or leaves the kernel to send what it has; calls `closed` once all is given back. Once only. */
  destroy(closed: () => void, gracefully?: boolean): void
}

export interface Addon {
  /**
   * Holds the two functions weakly while nothing is armed: the caller keeps them. Times are told as milliseconds since
   * `originMs` (by default 0) on the clock of `monotonicMs()`. `threads` (by default 0) is for its bulk lanes. `later`:
   * setImmediate(), for a loop of its own in a runtime without libuv. Throws an Error with `errno` and `syscall`.
   */
  createBackend(
    ready: (tokens: Float64Array, readiness: Uint8Array, count: number) => void,
    broken: (cause: Error) => void,
    originMs?: number,
    threads?: number,
    later?: (then: () => void) => unknown,
  ): NativeFunctions
  /** CLOCK_MONOTONIC, in milliseconds. */
  monotonicMs(): number
  /** Of the package that it was made of. */
  readonly version: string
}
