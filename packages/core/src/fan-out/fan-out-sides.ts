/** What a fan-out has on its sides: its options, where its targets come from, and who hears of the outcomes. */
import type { ConnectRequest, Destination } from '../connect/connect-request.js'
import type { SocketSetup } from '../connect/socket-setup.js'
import type { BulkEnd } from './bulk-end.js'
import type { CapOptions } from './caps.js'
import type { PaceLost } from './pace-watch.js'
import type { Task } from './task.js'
import type { TaskPool } from './task-pool.js'

/**
 * What to do with a socket that has connected.
 *
 * @example
 * ```ts
 * import { createReactor, type OnConnected } from 'pollout'
 *
 * const onConnected: OnConnected = 'reset' // leaves no TIME_WAIT, so local ports last longer
 * createReactor().connectMany(['tcp://192.0.2.1:22'], { onConnected }).subscribe(console.log)
 * ```
 */
export type OnConnected = 'keep' | 'close' | 'reset'

export interface FanOutOptions {
  readonly concurrency: number
  readonly adaptive: boolean
  readonly rate: number
  readonly onPaceLost: ((lost: PaceLost) => void) | undefined
  readonly caps: CapOptions | undefined
  readonly timeoutMs: number
  readonly onConnected: OnConnected
  readonly setup: SocketSetup | undefined
  readonly destination: Destination
}

/** Where targets come from, one at a time and only when asked. */
export interface Feed<T> {
  /** The next target, in a task of the pool; `end`; or undefined: not yet, the listener will be told. May throw what the source throws. */
  pull(tasks: TaskPool<T>, now: number): Task<T> | 'end' | undefined
  /** Wants nothing more; the source may clean up. May throw what it throws then. */
  cancel(): void
}

/** Who hears of the outcomes. What is told of a task is no longer true once the call has returned. */
export interface FanOutListener<T> {
  /** Many outcomes are told inside of `tell`, one after the other. */
  batch(tell: () => void): void
  /** By the bulk lane, or decided here. */
  ended(task: Task<T>, end: BulkEnd): void
  requestEnded(task: Task<T>, request: ConnectRequest): void
  /** Every target has had its outcome. */
  complete(): void
  /** The source failed, after the outcomes of all it gave; or the reactor is gone. */
  error(error: unknown): void
}
