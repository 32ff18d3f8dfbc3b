/** The options of `connect()` and `connectMany()`, and their check: once, at the call. */
import { literalFamily } from '../backend/address.js'
import { isOptionNumber } from '../backend/arguments.js'
import {
  checkPorts,
  checkSocketOption,
  isSocketOptionName,
  type PortRange,
  SOCKET_OPTION_NAMES,
  type SocketOptionName,
  type SocketOptions,
  type SocketOptionValue,
} from '../backend/socket-options.js'
import { LONGEST_UNIX_PATH, unixPathProblem } from '../backend/unix-path.js'
import { checkCount, shown, unknownOption } from '../base/options.js'
import type { AttemptRecord } from '../errors/failure.js'
import { checkPolicy } from '../policy/denial.js'
import type { DestinationPolicy } from '../policy/policy.js'
import { int } from '../socket/socket-calls.js'
import type { TlsOptions } from '../tls/tls-options.js'
import type { Destination } from './connect-request.js'
import { type RawOption, SocketSetup } from './socket-setup.js'
import { SourceAddresses } from './source-addresses.js'

/**
 * One setsockopt(2) in this platform's own numbers.
 *
 * @example
 * ```ts
 * import { createReactor, type RawSocketOption } from 'pollout'
 *
 * const maxSegment: RawSocketOption = { level: 6, option: 2, value: 536 } // TCP_MAXSEG, Linux
 * createReactor().connect('tcp://192.0.2.1:443', { rawOptions: [maxSegment] })
 * ```
 */
export interface RawSocketOption {
  /** `SOL_SOCKET`, `IPPROTO_TCP`, ... as this platform counts them. */
  readonly level: number
  /** The number of the option at that level. */
  readonly option: number
  /** The bytes as the kernel takes them; a number is written as an `int`. */
  readonly value: Uint8Array | number
}

/**
 * How the socket is made: its options by name, set before it connects, and where it connects from. What fails of it
 * fails the connect, with the errno and the syscall `setsockopt` or `bind`, phase `local`; what the backend does not
 * have, with `ERR_UNSUPPORTED`, before any socket is opened.
 *
 * @example
 * ```ts
 * import { createReactor, type SocketSetupOptions } from 'pollout'
 *
 * const setup: SocketSetupOptions = {
 *   localAddress: ['192.0.2.10', '192.0.2.11'],
 *   bindAddressNoPort: true,
 *   noDelay: true,
 * }
 * createReactor().connect('tcp://192.0.2.1:443', setup)
 * ```
 */
export interface SocketSetupOptions extends SocketOptions {
  /**
   * Where to connect from: an address literal, or several, which are used in turn. A connect whose address has no port
   * left for the destination goes on with the next one at once, and fails when none has. Only those of the target's
   * family count. For unix sockets, paths to bind; `@name` is an abstract one, the empty string any free abstract name.
   * The file of a path is removed when the connection closes.
   */
  readonly localAddress?: string | readonly string[] | undefined
  /** The local port, or the first and the last of a range from which a free one is taken: bind(2). */
  readonly localPort?: number | PortRange | undefined
  /** Options that have no name here, set after those that have; needs a backend with `kernelSockets`. */
  readonly rawOptions?: readonly RawSocketOption[] | undefined
}

/**
 * Where a connect may go, and how it chooses among a name's addresses.
 *
 * @example
 * ```ts
 * import { createReactor, type DestinationOptions, publicInternetOnly } from 'pollout'
 *
 * const webhook: DestinationOptions = { policy: publicInternetOnly, attemptDelayMs: 100 }
 * createReactor().connect('tls://hooks.example.net:443', webhook)
 * ```
 */
export interface DestinationOptions {
  /**
   * Where this connect may go, besides what the reactor's own policy says: both have to allow an address. Denied ones of
   * a name are passed over; where no other is left the connect fails with `ERR_DENIED`, phase `policy`. It is asked right
   * before the socket is opened; by `connectMany()` on a backend with a bulk lane, when the attempt is handed to the lane, which
   * holds up to 4,096 more than are in flight.
   */
  readonly policy?: DestinationPolicy | undefined
  /**
   * How long an attempt at one of a name's addresses has to itself before the next address is tried as well, in
   * milliseconds, 10 or more. Default 250. The attempt goes on; the first to connect wins, and the others are closed.
   * When one fails the next begins at once. RFC 8305, "Connection Attempt Delay".
   */
  readonly attemptDelayMs?: number | undefined
  /** How many of a name's addresses are tried, a whole number from 1; denied ones are not counted. Default 16. */
  readonly maxAddresses?: number | undefined
}

/**
 * Options of one connect: {@link Reactor.connect}, and what stands on it. What can't be meant throws TypeError or RangeError
 * at the call.
 *
 * @example
 * ```ts
 * import { type ConnectOptions, createReactor } from 'pollout'
 *
 * const options: ConnectOptions = {
 *   timeoutMs: 2_000,
 *   signal: AbortSignal.timeout(10_000),
 *   keepAlive: true,
 *   onAttempt: ({ address, result }) => console.log(address, result),
 * }
 * createReactor().connect('tcp://db.example.net:5432', options)
 * ```
 */
export interface ConnectOptions extends SocketSetupOptions, DestinationOptions {
  /**
   * Time for the whole connect: names, and every address tried. Default 30,000 ms; Infinity leaves it to the
   * kernel (about 134 s on Linux). It starts to run when the connect takes its first step.
   */
  readonly timeoutMs?: number | undefined
  /**
   * Cancels the connect, with a `ConnectError` of code `ABORT_ERR`; has no say once the connection is emitted. In a
   * session it ends that too.
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Resets the connection when nothing came and nothing went for so long, in milliseconds: {@link Connection.idleTimeout}.
   * Who reads or sends is told `ERR_IDLE_TIMEOUT`. Default: never. In a pool, how long a connection is kept that nobody uses.
   */
  readonly idleTimeoutMs?: number | undefined
  /** For endpoints `tls://` only, whose handshake counts within `timeoutMs`. */
  readonly tls?: TlsOptions | undefined
  /**
   * Told of each attempt as it ends, before the connect does: failed, connected, denied, or cut short (`ABORT_ERR`). What
   * it throws is reported as uncaught. The same records stand in `failedAttempts` and in the error's `attempts`.
   */
  readonly onAttempt?: ((attempt: AttemptRecord) => void) | undefined
}

/** For {@link checkSetup}: these are not its to check. */
export const DESTINATION_NAMES = ['policy', 'attemptDelayMs', 'maxAddresses'] as const

/** Whoever owns a name can give it as many addresses as he likes, and to whom they belong. */
const MOST_ADDRESSES = 16
/** RFC 8305 section 8. */
const ATTEMPT_DELAY = { default: 250, least: 10 } as const

/** Throws TypeError or RangeError. */
export function checkDestination(options: DestinationOptions): Destination {
  const { policy, attemptDelayMs, maxAddresses = MOST_ADDRESSES } = options
  const delayMs = attemptDelayMs ?? ATTEMPT_DELAY.default
  if (typeof delayMs !== 'number' || !(delayMs >= ATTEMPT_DELAY.least)) {
    throw new RangeError(
      `attemptDelayMs must be ${ATTEMPT_DELAY.least} milliseconds or more (Infinity: only after a failure), not ${shown(delayMs)}`,
    )
  }
  return {
    policy: checkPolicy(policy),
    attemptDelayMs: delayMs,
    maxAddresses: checkCount('maxAddresses', maxAddresses),
  }
}

const SETUP_NAMES = ['localAddress', 'localPort', 'rawOptions'] as const

/**
 * Makes the setup of what was asked for; undefined where nothing was. `others` are the options that are somebody else's
 * to check. Throws TypeError or RangeError, also for a name that is no option: what is misspelt is never left out in silence.
 */
export function checkSetup(
  options: SocketSetupOptions,
  others: readonly string[],
): SocketSetup | undefined {
  let named: Map<SocketOptionName, SocketOptionValue> | undefined
  let isPlain = true
  for (const [name, value] of Object.entries(options)) {
    if (others.includes(name) || value === undefined) continue
    isPlain = false
    if (isSocketOptionName(name)) {
      named ??= new Map()
      named.set(name, checkSocketOption(name, value))
    } else if (!SETUP_NAMES.includes(name as (typeof SETUP_NAMES)[number])) {
      throw unknownOption(name, [...others, ...SETUP_NAMES, ...SOCKET_OPTION_NAMES])
    }
  }
  if (isPlain) return undefined
  const raw = options.rawOptions === undefined ? [] : checkRaw(options.rawOptions)
  return new SocketSetup(named ?? new Map(), raw, checkSources(options))
}

function checkSources({ localAddress, localPort }: SocketSetupOptions) {
  if (localAddress === undefined && localPort === undefined) return undefined
  const addresses = localAddress === undefined ? undefined : checkAddresses(localAddress)
  return new SourceAddresses(addresses, localPort === undefined ? undefined : checkPort(localPort))
}

function checkPort(localPort: number | PortRange): PortRange {
  if (typeof localPort !== 'number') return checkPorts('localPort', localPort)
  if (Number.isInteger(localPort) && localPort >= 1 && localPort <= 65_535) {
    return [localPort, localPort]
  }
  throw new RangeError(
    `localPort must be a whole number from 1 to 65535, or [first, last], not ${shown(localPort)}; leave it out for any port`,
  )
}

function checkAddresses(localAddress: string | readonly string[]): readonly string[] {
  const all: unknown = typeof localAddress === 'string' ? [localAddress] : localAddress
  if (!Array.isArray(all) || all.length === 0) {
    throw new TypeError('localAddress must be an address, or an array of one or more')
  }
  return all.map(checkAddress)
}

/** Begins as a path does; so that a mistyped address is not taken for a file. */
const PATH = /^$|^[@\0/]|^\.\.?\//

function checkAddress(address: unknown): string {
  if (typeof address !== 'string') {
    throw new TypeError(`localAddress must be a string, not ${shown(address)}`)
  }
  if (literalFamily(address)) return address
  if (!PATH.test(address) || address === '@' || address === '\0') {
    throw new TypeError(
      `localAddress ${JSON.stringify(address)} is no address of this machine; write an IPv4 or IPv6 literal, or for a unix socket /path, ./path or @name`,
    )
  }
  const path = address.startsWith('@') ? `\0${address.slice(1)}` : address
  const problem = unixPathProblem(path)
  if (problem === undefined) return path
  throw new RangeError(
    `localAddress ${JSON.stringify(address)} ${problem}; it has at most ${LONGEST_UNIX_PATH} bytes, none of them NUL`,
  )
}

function checkRaw(rawOptions: readonly RawSocketOption[]): readonly RawOption[] {
  if (!Array.isArray(rawOptions)) {
    throw new TypeError('rawOptions must be an array of { level, option, value }')
  }
  return rawOptions.map((raw: RawSocketOption) => ({
    level: checkNumber('level', raw?.level),
    option: checkNumber('option', raw?.option),
    value: checkRawValue(raw?.value),
  }))
}

function checkRawValue(value: unknown): Uint8Array {
  // Copied: what the caller does with its bytes afterwards changes nothing here.
  if (value instanceof Uint8Array) return Uint8Array.from(value)
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 32) {
    return int(value)
  }
  throw new TypeError(
    `rawOptions: value must be a 32-bit whole number or a Uint8Array, not ${shown(value)}`,
  )
}

function checkNumber(what: string, value: unknown): number {
  if (isOptionNumber(value)) return value
  throw new TypeError(
    `rawOptions: ${what} must be a 32-bit whole number from 0, not ${shown(value)}`,
  )
}
