/**
 * One target of a fan-out on its way to its outcome.
 *
 * Tasks are used again: a fan-out has as many as it has targets under way, and makes nothing new for each of millions.
 */
import type { InetAddress, SocketAddress } from '../backend/address.js'
import type { ConnectRequest } from '../connect/connect-request.js'
import type { RequestOwner } from '../connect/request.js'
import type { SourceWalk } from '../connect/source-addresses.js'
import { addressOf, type Endpoint } from '../endpoint/endpoint.js'
import type { Failure } from '../errors/failure.js'
import { familyOf, formatWords, type IpVersion, V4_MAPPED } from './literal.js'

export interface TaskOwner<T> {
  /** A task's request has settled. */
  requestSettled(task: Task<T>, request: ConnectRequest): void
}

export class Task<T> implements RequestOwner {
  /** Its name on the bulk lane, and its place among the fan-out's. */
  readonly id: number
  target: T
  /** Where to, checked, and a copy: what the source does with its object afterwards changes nothing. See `endpointOfTask()`. */
  endpoint: Endpoint | undefined
  /** An address literal: 4 or 6, with the address as text, or only as words. 0 for all other targets. */
  version: IpVersion = 0
  isTcp = false
  host = ''
  port = 0
  word0 = 0
  word1 = 0
  word2 = 0
  word3 = 0
  /** When it was pulled. */
  queuedAt = Number.NaN
  /** What was decided about it here, without an attempt: invalid, or denied. */
  verdict: Failure | undefined
  /** When it first found something exhausted; NaN where it never did. */
  lacksSince = Number.NaN
  retries = 0
  /** Which round of attempts it belongs to: `loss-watch.ts`. */
  round = 0
  /** Counted by the caps under these: `caps.ts`. */
  hostKey: number | string | undefined
  prefixKey: number | string | undefined
  request: ConnectRequest | undefined
  /** On the bulk lane: the how-manieth of its attempts this is, and when its first socket was opened. */
  submission = 0
  startedAt = Number.NaN
  selfConnects = 0
  /** Between its attempts, for the pace and for a place in the lane; since when, where it is tried again. */
  heldMs = 0
  againAt = Number.NaN
  walk: SourceWalk | undefined
  /** What diagnostics call it, while somebody listens. */
  key: object | undefined
  /** Of one that was given back: `task-pool.ts`. */
  nextFree: Task<T> | undefined
  readonly #owner: TaskOwner<T>

  constructor(owner: TaskOwner<T>, id: number, target: T) {
    this.#owner = owner
    this.id = id
    this.target = target
  }

  /** For another target. */
  renew(target: T, now: number): void {
    this.target = target
    this.queuedAt = now
    this.endpoint = undefined
    this.verdict = undefined
    this.version = 0
    this.isTcp = false
    this.lacksSince = Number.NaN
    this.retries = 0
    this.request = undefined
    this.startedAt = Number.NaN
    this.selfConnects = 0
    this.walk = undefined
    this.key = undefined
  }

  requestSettled(): void {
    if (this.request) this.#owner.requestSettled(this, this.request)
  }
}

/** Of a task that is not invalid. */
export function endpointOfTask<T>(task: Task<T>): Endpoint {
  task.endpoint ??= { scheme: 'tcp', host: hostOf(task), port: task.port }
  return task.endpoint
}

/** The address literal that it stands for; undefined for a name. */
export function addressOfTask<T>(task: Task<T>): SocketAddress | undefined {
  const { version, port } = task
  if (version === 0) return addressOf(endpointOfTask(task))
  return { family: familyOf(version), address: hostOf(task), port }
}

/** It has to be looked up. */
export function isNameTask<T>({ endpoint }: Task<T>): boolean {
  return endpoint !== undefined && 'host' in endpoint && addressOf(endpoint) === undefined
}

/** What a literal stands for that has connected on the lane, in the one form that each has: `connect/reached.ts`. */
export function reachedByTask<T>(task: Task<T>): InetAddress {
  const { version, port } = task
  const address = version === 4 ? hostOf(task) : textOf(task)
  return { family: familyOf(version), address, port }
}

/** Where an unspecified address leads, only the kernel knows, and the lane does not ask. */
export function isUnspecified<T>({ version, word0, word1, word2, word3 }: Task<T>): boolean {
  if (version === 4) return word0 === 0
  return (word0 | word1 | word3) === 0 && (word2 === 0 || word2 === V4_MAPPED)
}

/** As the user wrote it, or where that was numbers, as it is written. */
function hostOf<T>(task: Task<T>): string {
  return task.host === '' ? textOf(task) : task.host
}

function textOf<T>({ version, word0, word1, word2, word3 }: Task<T>): string {
  return formatWords(version, word0, word1, word2, word3)
}
