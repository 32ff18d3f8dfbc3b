/** The one error of this library, in Node's own shape. */
import { formatAddress, type SocketAddress } from '../backend/address.js'
import { knowAcrossCopies } from '../base/across-copies.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import { formatEndpoint } from '../endpoint/endpoint-text.js'
import type { AttemptRecord, ConnectPhase, Failure } from './failure.js'
import type { ConnectTimeline } from './timeline.js'

/**
 * What went wrong where, to make the error's message and its address fields.
 *
 * @example
 * ```ts
 * import { ConnectError, type ErrorContext, type Failure, tcp } from 'pollout'
 *
 * const where: ErrorContext = {
 *   endpoint: tcp('db.example.net', 5432),
 *   address: { family: 'inet', address: '192.0.2.1', port: 5432 },
 * }
 * function errorOf(failure: Failure): ConnectError {
 *   return new ConnectError(failure, where)
 * }
 * ```
 */
export interface ErrorContext {
  readonly endpoint?: Endpoint | undefined
  readonly address?: SocketAddress | undefined
  readonly attempts?: readonly AttemptRecord[]
  readonly timeline?: ConnectTimeline | undefined
}

/**
 * Why a connect, or a transfer on a connection, failed. Network outcomes come only this way, through the
 * observable or promise at hand; programmer errors are thrown at once, as TypeError or RangeError.
 *
 * @example
 * ```ts
 * import { ConnectError, createReactor } from 'pollout'
 *
 * createReactor()
 *   .connect('tcp://192.0.2.1:443', { timeoutMs: 1_000 })
 *   .subscribe({
 *     next: (connection) => connection.reset(),
 *     error: (error: unknown) => {
 *       if (!(error instanceof ConnectError)) throw error
 *       if (error.localFault) console.error('trouble on this side:', error.message)
 *       else
 *         console.error(`${error.code} from ${error.address}, tried ${error.attempts.length} times`)
 *     },
 *   })
 * ```
 */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  /** `ECONNREFUSED`, ... as the operating system names it, or one of `ERR_...`, `ABORT_ERR`. */
  readonly code: string
  /** Negated errno as Node writes it (-111); undefined where no system call failed. */
  readonly errno: number | undefined
  /** The system call, or the step, that failed: `socket`, `connect`, `getaddrinfo`, `recv`, ... */
  readonly syscall: string
  /**
   * Address literal, unix path or vsock context identifier that was tried last; of bind(2) the local one, with its port
   * where one was asked for.
   */
  readonly address: string | undefined
  readonly port: number | undefined
  /** What was to be connected to; undefined on a bare socket. */
  readonly endpoint: Endpoint | undefined
  /** How far things had got. */
  readonly phase: ConnectPhase
  /** The trouble is on this side, and says nothing about the peer. */
  readonly localFault: boolean
  /** For ETIMEDOUT of a connect: the kernel gave up, or `timeoutMs` did. */
  readonly timedOutBy: 'kernel' | 'deadline' | undefined
  /** Every address that was tried, in the order of their starts; empty where none was. */
  readonly attempts: readonly AttemptRecord[]
  /** The moments of the connect that failed; undefined for what was no connect, or never began to be one. */
  readonly timeline: ConnectTimeline | undefined
  readonly #reason: string

  constructor(failure: Failure, context: ErrorContext = {}) {
    const { endpoint, attempts = [], timeline } = context
    const address = failure.localAddress ?? context.address
    const where = address ? formatAddress(address) : endpoint ? formatEndpoint(endpoint) : undefined
    const subject = [failure.syscall, failure.code, where].filter(Boolean).join(' ')
    super(
      `${subject}: ${failure.reason}`,
      failure.cause === undefined ? {} : { cause: failure.cause },
    )
    this.code = failure.code
    this.errno = failure.errno
    this.syscall = failure.syscall
    this.address = address && hostOf(address)
    // Port 0 is what was asked of bind(2), and no port.
    this.port = address && 'port' in address && address.port !== 0 ? address.port : undefined
    this.endpoint = endpoint
    this.phase = failure.phase
    this.localFault = failure.localFault
    this.timedOutBy = failure.timedOutBy
    this.attempts = attempts
    this.timeline = timeline
    this.#reason = failure.reason
  }

  /** @internal The message without code and address, in which there may be anything. */
  get reason(): string {
    return this.#reason
  }
}
knowAcrossCopies(ConnectError, 'ConnectError')

function hostOf(address: SocketAddress): string {
  if (address.family === 'unix') return address.path
  return address.family === 'vsock' ? String(address.cid) : address.address
}

/**
 * An error made in a turn of the event loop. Its stack would hold none of the user's frames, and capturing it costs
 * some 5 µs, a third of a whole refused connect; so it has none.
 */
export function errorWithoutStack(failure: Failure, context: ErrorContext): ConnectError {
  const { stackTraceLimit } = Error
  // Not by assignment: that throws where the intrinsics are frozen.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return new ConnectError(failure, context)
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}
