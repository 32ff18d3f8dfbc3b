/** The outcomes of `connectMany()` as objects. What costs more than a few fields is made when it is looked at. */
import type { InetAddress, SocketAddress } from '../backend/address.js'
import type { Handle } from '../backend/backend.js'
import { errnoName } from '../backend/errno.js'
import { establish } from '../connect/connect.js'
import type { ConnectRequest } from '../connect/connect-request.js'
import { NO_ATTEMPTS } from '../connect/request.js'
import { Connection } from '../connection/connection.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { type ConnectError, type ErrorContext, errorWithoutStack } from '../errors/connect-error.js'
import type { AttemptRecord, ConnectPhase, Failure } from '../errors/failure.js'
import { type ConnectTimeline, Timeline } from '../errors/timeline.js'
import { SocketChannel } from '../link/socket-channel.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { attemptRecord } from './attempt-record.js'
import type { BulkEnd } from './bulk-end.js'
import type { OnConnected } from './fan-out-sides.js'
import { type ConnectedOutcome, type FailedOutcome, kindOf, type Outcome } from './outcome.js'
import { addressOfTask, reachedByTask, type Task } from './task.js'
import type { Unclaimed } from './unclaimed.js'

/** The outcome of a task that went by a `ConnectRequest`. */
export function outcomeOfRequest<T>(
  core: OutboundCore,
  task: Task<T>,
  request: ConnectRequest,
  onConnected: OnConnected,
): Outcome<T> {
  const { target } = task
  const { failure, elapsedMs } = request
  const timeline = request.timeline as ConnectTimeline
  if (failure) return new Failed(target, elapsedMs, timeline, failure, request)
  let connection: Connection | undefined
  if (onConnected === 'keep') connection = establish(core, request)
  else core.close(request.takeHandle(), 0, onConnected === 'close' ? 'graceful' : 'reset')
  const { failedAttempts } = request
  const address = request.address as SocketAddress
  return {
    kind: 'connected',
    target,
    elapsedMs,
    timeline,
    address,
    followedBy: nameOf(request.lostBy),
    failedAttempts,
    connection,
  }
}

/** The outcome of a task that the bulk lane ran, or that was decided without an attempt. */
export function outcomeOfEnd<T>(task: Task<T>, end: BulkEnd, unclaimed: Unclaimed): Outcome<T> {
  const { target } = task
  const { failure, elapsedMs, startedAt, handle } = end
  const begunAt = Number.isNaN(startedAt) ? undefined : startedAt
  const timeline = new Timeline(task.queuedAt, begunAt, end.finishedAt, end)
  if (failure) return new FailedOnLane(target, elapsedMs, timeline, failure, task)
  const address = reachedByTask(task)
  const followedBy = nameOf(end.lostBy)
  if (handle !== undefined) {
    const { host } = task
    return new KeptOnLane(target, elapsedMs, timeline, address, followedBy, host, handle, unclaimed)
  }
  const failedAttempts = NO_ATTEMPTS
  return {
    kind: 'connected',
    target,
    elapsedMs,
    timeline,
    address,
    followedBy,
    failedAttempts,
    connection: undefined,
  }
}

function nameOf(lostBy: number): string | undefined {
  return lostBy === 0 ? undefined : errnoName(lostBy)
}

/** A class for the sake of its getter: an Error, with its stack, costs more than all the rest of a refusal. */
class Failed<T> implements FailedOutcome<T> {
  readonly kind: FailedOutcome['kind']
  readonly target: T
  readonly elapsedMs: number
  readonly timeline: ConnectTimeline
  readonly code: string
  readonly errno: number | undefined
  readonly phase: ConnectPhase
  readonly localFault: boolean
  readonly timedOutBy: 'kernel' | 'deadline' | undefined
  readonly #failure: Failure
  readonly #origin: ErrorContext | undefined
  #error: ConnectError | undefined

  constructor(
    target: T,
    elapsedMs: number,
    timeline: ConnectTimeline,
    failure: Failure,
    origin?: ErrorContext,
  ) {
    this.kind = kindOf(failure)
    this.target = target
    this.elapsedMs = elapsedMs
    this.timeline = timeline
    this.code = failure.code
    this.errno = failure.errno
    this.phase = failure.phase
    this.localFault = failure.localFault
    this.timedOutBy = failure.timedOutBy
    this.#failure = failure
    this.#origin = origin
  }

  get error(): ConnectError {
    this.#error ??= errorWithoutStack(this.#failure, this.#origin ?? this.contextOf(this.#failure))
    return this.#error
  }

  protected contextOf(_failure: Failure): ErrorContext {
    return {}
  }
}

/** Knows its address as the task had it, and makes the rest of the error's context when asked. */
class FailedOnLane<T> extends Failed<T> {
  readonly #address: InetAddress | undefined

  constructor(
    target: T,
    elapsedMs: number,
    timeline: ConnectTimeline,
    failure: Failure,
    task: Task<T>,
  ) {
    super(target, elapsedMs, timeline, failure)
    this.#address = task.version === 0 ? undefined : (addressOfTask(task) as InetAddress)
  }

  protected override contextOf(failure: Failure): ErrorContext {
    const address = this.#address
    if (address === undefined) return {}
    const { timeline, elapsedMs } = this
    const attempts = [attemptRecord(address, elapsedMs, failure, timeline)]
    return { endpoint: endpointAt(address), address, attempts, timeline }
  }
}

/** Holds a connected socket, which becomes a {@link Connection} when it is asked for. */
class KeptOnLane<T> implements ConnectedOutcome<T> {
  readonly kind = 'connected'
  readonly target: T
  readonly elapsedMs: number
  readonly timeline: ConnectTimeline
  readonly address: SocketAddress
  readonly followedBy: string | undefined
  /** As the user wrote it; empty where that was numbers. */
  readonly #host: string
  readonly #handle: Handle
  readonly #unclaimed: Unclaimed
  #connection: Connection | undefined

  constructor(
    target: T,
    elapsedMs: number,
    timeline: ConnectTimeline,
    address: InetAddress,
    followedBy: string | undefined,
    host: string,
    handle: Handle,
    unclaimed: Unclaimed,
  ) {
    this.target = target
    this.elapsedMs = elapsedMs
    this.timeline = timeline
    this.address = address
    this.followedBy = followedBy
    this.#host = host
    this.#handle = handle
    this.#unclaimed = unclaimed
    unclaimed.add()
  }

  get failedAttempts(): readonly AttemptRecord[] {
    return NO_ATTEMPTS
  }

  get connection(): Connection {
    this.#connection ??= this.#claim()
    return this.#connection
  }

  #claim(): Connection {
    const { timeline } = this
    const address = this.address as InetAddress
    const endpoint = endpointAt(address, this.#host)
    const origin = {
      endpoint,
      address,
      type: 'stream',
      failedAttempts: NO_ATTEMPTS,
      timeline,
    } as const
    return this.#unclaimed.claim((core) => {
      return new Connection(core, new SocketChannel(core, this.#handle, origin), origin)
    })
  }
}

function endpointAt({ address, port }: InetAddress, asked = ''): Endpoint {
  return { scheme: 'tcp', host: asked || address, port }
}
