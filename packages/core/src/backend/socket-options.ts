/**
 * The socket options: one table, from which come their types, their checks, what backends can set, and
 * docs/capabilities.md. It is one file because it is one table, with what reads it.
 *
 * The numbers are Linux's (asm-generic/socket.h, netinet/in.h, netinet/tcp.h), the same on every architecture that
 * Node has builds for. Another system's are a backend's own business: it is given names, and need not look here.
 */
import { shown } from '../base/options.js'
import type { AddressFamily, SocketSpec, SocketType } from './address.js'
import { errno } from './errno.js'

/** Levels of setsockopt(2). */
const Level = { IP: 0, SOCKET: 1, TCP: 6, IPV6: 41 } as const

const INET: readonly AddressFamily[] = ['inet', 'inet6']
const ALL: readonly AddressFamily[] = ['inet', 'inet6', 'unix', 'vsock']
const STREAM: readonly SocketType[] = ['stream']
const EVERY: readonly SocketType[] = ['stream', 'dgram', 'seqpacket']

/**
 * What a value may be, and how it is written.
 *
 * @example
 * ```ts
 * import type { OptionKind } from '@pollout/core'
 *
 * function unitOf(kind: OptionKind): string {
 *   return kind.is === 'number' ? kind.unit : kind.is === 'linger' ? 's' : ''
 * }
 * ```
 */
export type OptionKind =
  | { readonly is: 'flag' }
  /** A whole number; `unit` is for people. */
  | { readonly is: 'number'; readonly low: number; readonly high: number; readonly unit: string }
  /** `struct linger`, switched on, with so many seconds: 0 makes close(2) a reset. */
  | { readonly is: 'linger' }
  /** Text of 1 to so many bytes. */
  | { readonly is: 'text'; readonly longest: number }
  /** Two port numbers, the first no larger than the second. */
  | { readonly is: 'ports' }

/**
 * A row of the table of options: what setsockopt(2) takes for it on Linux, which sockets have it, and words for people.
 *
 * @example
 * ```ts
 * import { type OptionDefinition, SOCKET_OPTIONS } from '@pollout/core'
 *
 * const definition: OptionDefinition = SOCKET_OPTIONS.noDelay
 * console.log(`${definition.constant}, ${definition.manual}: ${definition.summary}`)
 * ```
 */
export interface OptionDefinition {
  /** What its value may be. */
  readonly kind: OptionKind
  /** The level of setsockopt(2), on Linux. */
  readonly level: number
  /** The number of the option there. */
  readonly option: number
  /** The name that C has for it: `TCP_NODELAY`. */
  readonly constant: string
  /** The same for an IPv6 socket, where it differs. */
  readonly inet6?: { readonly level: number; readonly option: number; readonly constant: string }
  /** The families of sockets that have it. */
  readonly families: readonly AddressFamily[]
  /** The types of sockets that have it. */
  readonly types: readonly SocketType[]
  /** On a socket that has begun to connect it comes too late. */
  readonly beforeConnect: boolean
  /** The manual page: `tcp(7)`. */
  readonly manual: string
  /** One line for people. */
  readonly summary: string
}

const FLAG = { is: 'flag' } as const
const number = (low: number, high: number, unit: string) =>
  ({ is: 'number', low, high, unit }) as const

const MOST = 2 ** 31 - 1
const overTcp = { level: Level.TCP, families: INET, types: STREAM, manual: 'tcp(7)' } as const
const overIp = { level: Level.IP, families: INET, types: EVERY, manual: 'ip(7)' } as const
const onAny = { level: Level.SOCKET, families: ALL, types: EVERY, manual: 'socket(7)' } as const
const onInet = { ...onAny, families: INET } as const
const whenever = { beforeConnect: false } as const
const before = { beforeConnect: true } as const

/**
 * The socket options that have a name here, and all that is to be known of each. docs/capabilities.md is made from it.
 *
 * @example
 * ```ts
 * import { SOCKET_OPTIONS } from 'pollout'
 *
 * for (const [name, { constant, summary }] of Object.entries(SOCKET_OPTIONS)) {
 *   console.log(name, constant, summary)
 * }
 * ```
 */
export const SOCKET_OPTIONS = {
  /** Small segments are sent at once (TCP_NODELAY). */
  noDelay: {
    ...{ ...overTcp, ...whenever, kind: FLAG, option: 1, constant: 'TCP_NODELAY' },
    summary: 'small segments are sent at once, not gathered (Nagle)',
  },
  /** An idle connection is probed, so that a vanished peer is noticed (SO_KEEPALIVE). */
  keepAlive: {
    ...{ ...onInet, types: STREAM, ...whenever, kind: FLAG, option: 9, constant: 'SO_KEEPALIVE' },
    summary: 'an idle connection is probed, so that a vanished peer is noticed',
  },
  /** Seconds without traffic before the first probe (TCP_KEEPIDLE). */
  keepAliveIdleSeconds: {
    ...{ ...overTcp, ...whenever, kind: number(1, 32_767, 's'), option: 4 },
    constant: 'TCP_KEEPIDLE',
    summary: 'time without traffic before the first probe',
  },
  /** Seconds between two probes (TCP_KEEPINTVL). */
  keepAliveIntervalSeconds: {
    ...{ ...overTcp, ...whenever, kind: number(1, 32_767, 's'), option: 5 },
    constant: 'TCP_KEEPINTVL',
    summary: 'time between two probes',
  },
  /** Unanswered probes after which the connection is given up (TCP_KEEPCNT). */
  keepAliveProbes: {
    ...{ ...overTcp, ...whenever, kind: number(1, 127, 'probes'), option: 6 },
    constant: 'TCP_KEEPCNT',
    summary: 'unanswered probes after which the connection is given up, with ETIMEDOUT',
  },
  /** Milliseconds that sent data, or a connect, may go unanswered before ETIMEDOUT (TCP_USER_TIMEOUT). */
  userTimeoutMs: {
    ...{ ...overTcp, ...whenever, kind: number(0, MOST, 'ms'), option: 18 },
    constant: 'TCP_USER_TIMEOUT',
    summary: 'how long data, or a connect, may go unanswered before ETIMEDOUT; 0: the default',
  },
  /** How often a SYN is sent again before the kernel gives a connect up (TCP_SYNCNT). */
  synRetries: {
    ...{ ...overTcp, ...before, kind: number(1, 127, 'times'), option: 7, constant: 'TCP_SYNCNT' },
    summary: 'SYNs sent again before the kernel says ETIMEDOUT: 1 is 3 s, 2 is 7 s',
  },
  /** The first data goes with the SYN; connect() then succeeds before anybody was asked (TCP_FASTOPEN_CONNECT). */
  fastOpen: {
    ...{ ...overTcp, ...before, kind: FLAG, option: 30, constant: 'TCP_FASTOPEN_CONNECT' },
    summary: 'the first data goes with the SYN, where a cookie is known; see docs/semantics.md',
  },
  /** The TOS byte, or the traffic class of IPv6; a DSCP is its upper six bits: `dscp << 2` (IP_TOS). */
  typeOfService: {
    ...{ ...overIp, ...whenever, kind: number(0, 255, ''), option: 1, constant: 'IP_TOS' },
    inet6: { level: Level.IPV6, option: 67, constant: 'IPV6_TCLASS' },
    summary: 'the TOS byte or traffic class; a DSCP is its upper six bits (`dscp << 2`)',
  },
  /** How many routers a packet may pass (IP_TTL). */
  hopLimit: {
    ...{ ...overIp, ...whenever, kind: number(1, 255, 'hops'), option: 2, constant: 'IP_TTL' },
    inet6: { level: Level.IPV6, option: 16, constant: 'IPV6_UNICAST_HOPS' },
    summary: 'time to live: how many routers a packet may pass',
  },
  /** Bytes; the kernel doubles it, within its limits. Before the connect it bounds the window too (SO_SNDBUF). */
  sendBufferBytes: {
    ...{ ...onAny, ...whenever, kind: number(1, MOST, 'bytes'), option: 7, constant: 'SO_SNDBUF' },
    summary: 'send buffer; the kernel doubles it, up to net.core.wmem_max',
  },
  /** Bytes; the kernel doubles it, within its limits. Set it before the connect: it bounds the window (SO_RCVBUF). */
  receiveBufferBytes: {
    ...{ ...onAny, ...whenever, kind: number(1, MOST, 'bytes'), option: 8, constant: 'SO_RCVBUF' },
    summary: 'receive buffer; the kernel doubles it, up to net.core.rmem_max',
  },
  /** 0 makes every close a reset; more has no effect, since close() never waits here (SO_LINGER). */
  lingerSeconds: {
    ...{ ...onInet, types: STREAM, ...whenever, kind: { is: 'linger' } as const, option: 13 },
    constant: 'SO_LINGER',
    summary: '0: every close is a reset; more has no effect, since close() never waits here',
  },
  /** Datagrams may go to a broadcast address; without it they fail with EACCES (SO_BROADCAST). */
  broadcast: {
    ...{ ...onInet, types: ['dgram'] as const, ...whenever, kind: FLAG, option: 6 },
    constant: 'SO_BROADCAST',
    summary: 'a connect to a broadcast address is allowed; without it, EACCES',
  },
  /** An IPv6 socket does without IPv4-mapped addresses (IPV6_V6ONLY). */
  ipv6Only: {
    ...{ level: Level.IPV6, families: ['inet6'] as const, types: EVERY, manual: 'ipv6(7)' },
    ...{ ...before, kind: FLAG, option: 26, constant: 'IPV6_V6ONLY' },
    summary: 'no IPv4-mapped addresses',
  },
  /** A local address in TIME_WAIT may be bound (SO_REUSEADDR). */
  reuseAddress: {
    ...{ ...onInet, ...before, kind: FLAG, option: 2, constant: 'SO_REUSEADDR' },
    summary: 'a local port whose last connection is in TIME_WAIT may be bound',
  },
  /** bind() to an address leaves the port to connect(), which may share it between destinations (IP_BIND_ADDRESS_NO_PORT). */
  bindAddressNoPort: {
    ...{ ...overIp, ...before, kind: FLAG, option: 24, constant: 'IP_BIND_ADDRESS_NO_PORT' },
    summary: 'the port is chosen by connect(), not by bind(); on where only an address is given',
  },
  /** First and last port to choose from, within net.ipv4.ip_local_port_range; Linux 6.3 (IP_LOCAL_PORT_RANGE). */
  localPortRange: {
    ...{ ...overIp, ...before, kind: { is: 'ports' } as const, option: 51 },
    constant: 'IP_LOCAL_PORT_RANGE',
    summary: 'automatic local ports come from this part of ip_local_port_range; Linux 6.3',
  },
  /** Only through this network interface (SO_BINDTODEVICE). */
  device: {
    ...{ ...onInet, ...before, kind: { is: 'text', longest: 15 } as const, option: 25 },
    constant: 'SO_BINDTODEVICE',
    summary: 'only through this network interface; ENODEV where there is none of that name',
  },
  /** A mark for routing and packet filters; needs CAP_NET_ADMIN (SO_MARK). */
  mark: {
    ...{ ...onInet, ...before, kind: number(0, 2 ** 32 - 1, ''), option: 36, constant: 'SO_MARK' },
    summary: 'mark for policy routing and packet filters; needs CAP_NET_ADMIN',
  },
} as const satisfies Record<string, OptionDefinition>

type Table = typeof SOCKET_OPTIONS

/**
 * The name of a socket option: a row of {@link SOCKET_OPTIONS}.
 *
 * @example
 * ```ts
 * import type { SocketOptionName } from 'pollout'
 *
 * const wanted: readonly SocketOptionName[] = ['noDelay', 'keepAlive']
 * ```
 */
export type SocketOptionName = keyof Table

/**
 * A range of ports: the first and the last.
 *
 * @example
 * ```ts
 * import { createReactor, type PortRange } from 'pollout'
 *
 * const outside: PortRange = [20_000, 29_999]
 * createReactor().connect('tcp://192.0.2.1:443', { localPort: outside })
 * ```
 */
export type PortRange = readonly [low: number, high: number]

/**
 * The value of any option: which kind belongs to which one stands in {@link SocketOptions}.
 *
 * @example
 * ```ts
 * import { checkSocketOption, type SocketOptionName, type SocketOptionValue } from '@pollout/core'
 *
 * const kept = new Map<SocketOptionName, SocketOptionValue>()
 * function keep(name: SocketOptionName, value: unknown): void {
 *   kept.set(name, checkSocketOption(name, value))
 * }
 * ```
 */
export type SocketOptionValue = boolean | number | string | PortRange

interface ValueOf {
  readonly flag: boolean
  readonly number: number
  readonly linger: number
  readonly text: string
  readonly ports: PortRange
}

/**
 * Values by name, each as its row of the table has it.
 *
 * @example
 * ```ts
 * import { createReactor, type SocketOptions } from 'pollout'
 *
 * const patient: SocketOptions = { keepAlive: true, keepAliveIdleSeconds: 60, noDelay: true }
 * createReactor().connect('tcp://192.0.2.1:443', { ...patient, timeoutMs: 5_000 })
 * ```
 */
export type SocketOptions = {
  readonly [Name in SocketOptionName]?: ValueOf[Table[Name]['kind']['is']] | undefined
}

/**
 * The names of all options, in the order of the table.
 *
 * @example
 * ```ts
 * import { SOCKET_OPTION_NAMES } from 'pollout'
 *
 * console.log(SOCKET_OPTION_NAMES.join(', ')) // noDelay, keepAlive, ...
 * ```
 */
export const SOCKET_OPTION_NAMES = Object.keys(SOCKET_OPTIONS) as readonly SocketOptionName[]

/**
 * Whether there is an option of that name.
 *
 * @example
 * ```ts
 * import { isSocketOptionName } from 'pollout'
 *
 * isSocketOptionName('noDelay') // true
 * isSocketOptionName('TCP_NODELAY') // false
 * ```
 */
export function isSocketOptionName(name: string): name is SocketOptionName {
  return Object.hasOwn(SOCKET_OPTIONS, name)
}

/**
 * Whether an option means anything to such a socket.
 *
 * @example
 * ```ts
 * import { appliesTo } from 'pollout'
 *
 * appliesTo('noDelay', { family: 'inet', type: 'stream' }) // true
 * appliesTo('noDelay', { family: 'unix', type: 'stream' }) // false
 * ```
 */
export function appliesTo(name: SocketOptionName, { family, type }: SocketSpec): boolean {
  const { families, types }: OptionDefinition = SOCKET_OPTIONS[name]
  return families.includes(family) && types.includes(type)
}

/**
 * Whether a backend is without an option that means something to such a socket, or that it has for no socket at all.
 *
 * @example
 * ```ts
 * import { createReactor, lacksOption } from 'pollout'
 *
 * await using reactor = createReactor({ backend: 'net' })
 * const socket = { family: 'inet', type: 'stream' } as const
 * lacksOption(reactor.capabilities, socket, 'hopLimit') // true: node:net sets it for datagrams only
 * ```
 */
export function lacksOption(
  // Of its capabilities, whose interface stands above this.
  {
    options,
    optionsByType,
  }: {
    readonly options: readonly SocketOptionName[]
    readonly optionsByType?: Readonly<Partial<Record<SocketType, readonly SocketOptionName[]>>>
  },
  spec: SocketSpec,
  name: SocketOptionName,
): boolean {
  if (!options.includes(name)) return true
  return appliesTo(name, spec) && !(optionsByType?.[spec.type] ?? options).includes(name)
}

/**
 * Throws a RangeError or TypeError, with what to write instead, where the value is none for this option.
 *
 * @example
 * ```ts
 * import { checkSocketOption } from '@pollout/core'
 *
 * checkSocketOption('noDelay', true) // true
 * checkSocketOption('noDelay', 'yes') // throws: noDelay must be true or false, not yes
 * ```
 */
export function checkSocketOption(name: SocketOptionName, value: unknown): SocketOptionValue {
  const { kind }: OptionDefinition = SOCKET_OPTIONS[name]
  switch (kind.is) {
    case 'flag':
      if (typeof value === 'boolean') return value
      throw new TypeError(`${name} must be true or false, not ${shown(value)}`)
    case 'number':
      return checkWhole(name, value, kind.low, kind.high, kind.unit)
    case 'linger':
      return checkWhole(name, value, 0, MOST, 's')
    case 'text':
      if (typeof value === 'string' && isPlainText(value, kind.longest)) return value
      throw new RangeError(`${name} must be a name of 1 to ${kind.longest} bytes`)
    case 'ports':
      return checkPorts(name, value)
  }
}

function checkWhole(name: string, value: unknown, low: number, high: number, unit: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) {
    return value
  }
  const range = `a whole number from ${low} to ${high}${unit && ` (${unit})`}`
  throw new RangeError(`${name} must be ${range}, not ${shown(value)}`)
}

function isPlainText(text: string, longest: number): boolean {
  const length = Buffer.byteLength(text)
  return length >= 1 && length <= longest && !text.includes('\0')
}

/**
 * Two port numbers from 1, in order, as they are given. Throws a RangeError that begins with `name` for anything else.
 *
 * @example
 * ```ts
 * import { checkPorts } from '@pollout/core'
 *
 * const [first, last] = checkPorts('localPort', [40_000, 40_999])
 * ```
 */
export function checkPorts(name: string, value: unknown): PortRange {
  const isPort = (port: unknown): port is number =>
    Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535
  if (Array.isArray(value) && value.length === 2) {
    const [low, high] = value as readonly unknown[]
    if (isPort(low) && isPort(high) && low <= high) return [low, high]
  }
  throw new RangeError(`${name} must be two ports from 1 to 65535, [first, last]`)
}

/**
 * The last three arguments of setsockopt(2).
 *
 * @example
 * ```ts
 * import { type EncodedOption, encodeSocketOption } from '@pollout/core'
 *
 * const socket = { family: 'inet', type: 'stream' } as const
 * const encoded: EncodedOption | number = encodeSocketOption(socket, 'noDelay', true)
 * // { level: 6, option: 1, value: <01 00 00 00> }
 * ```
 */
export interface EncodedOption {
  readonly level: number
  readonly option: number
  readonly value: Uint8Array
}

/**
 * The arguments of setsockopt(2) on Linux; a negated errno where such a socket has no such option.
 *
 * @example
 * ```ts
 * import { encodeSocketOption, type Handle, type KernelSockets } from '@pollout/core'
 *
 * function setNoDelay(kernel: KernelSockets, handle: Handle): number {
 *   const encoded = encodeSocketOption({ family: 'inet', type: 'stream' }, 'noDelay', true)
 *   if (typeof encoded === 'number') return encoded
 *   return kernel.setOption(handle, encoded.level, encoded.option, encoded.value)
 * }
 * ```
 */
export function encodeSocketOption(
  spec: SocketSpec,
  name: SocketOptionName,
  value: SocketOptionValue,
): EncodedOption | number {
  if (!appliesTo(name, spec)) return -errno.ENOPROTOOPT
  return { ...optionNumbers(spec, name), value: encodeValue(value, SOCKET_OPTIONS[name].kind) }
}

/**
 * Level and number for such a socket.
 *
 * @example
 * ```ts
 * import { optionNumbers } from '@pollout/core'
 *
 * optionNumbers({ family: 'inet6', type: 'stream' }, 'noDelay') // { level: 6, option: 1 }
 * ```
 */
export function optionNumbers(
  { family }: SocketSpec,
  name: SocketOptionName,
): { readonly level: number; readonly option: number } {
  const { level, option, inet6 }: OptionDefinition = SOCKET_OPTIONS[name]
  return family === 'inet6' && inet6 ? inet6 : { level, option }
}

function encodeValue(value: SocketOptionValue, kind: OptionKind): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (typeof value === 'object') return integers((value[0] | (value[1] << 16)) >>> 0)
  return kind.is === 'linger' ? integers(1, Number(value)) : integers(Number(value))
}

/** In this machine's byte order, as an `int` is. */
function integers(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer)
}

/**
 * What getsockopt(2) wrote, as a value of this option.
 *
 * @example
 * ```ts
 * import { decodeSocketOption } from '@pollout/core'
 *
 * decodeSocketOption('noDelay', Uint8Array.of(1, 0, 0, 0)) // true, on a little-endian machine
 * ```
 */
export function decodeSocketOption(name: SocketOptionName, bytes: Uint8Array): SocketOptionValue {
  const { kind }: OptionDefinition = SOCKET_OPTIONS[name]
  if (kind.is === 'text') return Buffer.from(bytes).toString().replace(/\0.*$/s, '')
  const words = new Uint32Array(Uint8Array.from(bytes).buffer, 0, bytes.length >> 2)
  const first = words[0] ?? 0
  switch (kind.is) {
    case 'flag':
      return first !== 0
    case 'ports':
      return [first & 0xffff, first >>> 16]
    case 'linger':
      return words[1] ?? 0
    case 'number':
      return first
  }
}
