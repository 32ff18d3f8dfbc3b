/** The calls on one socket that `Socket` and `Connection` have in common: options, TCP_INFO, giving the descriptor away. */
import type { SocketSpec } from '../backend/address.js'
import { checkBytes, isOptionNumber } from '../backend/arguments.js'
import type { Backend, Handle, KernelSockets } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import {
  appliesTo,
  checkSocketOption,
  decodeSocketOption,
  isSocketOptionName,
  lacksOption,
  optionNumbers,
  type SocketOptionName,
  type SocketOptions,
  type SocketOptionValue,
} from '../backend/socket-options.js'
import { ConnectError, type ErrorContext } from '../errors/connect-error.js'
import { connectFailure, unsupportedFailure } from '../errors/failures.js'
import { parseTcpInfo, TCP_INFO, type TcpInfo } from './tcp-info.js'

/** More than any option of the table has; SO_BINDTODEVICE wants room for 16: socket(7). */
const OPTION_BYTES = 64
/** As much as optlen of getsockopt(2) may sensibly be. */
const MOST_OPTION_BYTES = 65_536
const INT = { low: -(2 ** 31), high: 2 ** 32 - 1 } as const

/**
 * The value that option has.
 *
 * @example
 * ```ts
 * import type { Connection, SocketOptionValueOf } from 'pollout'
 *
 * const ports: SocketOptionValueOf<'localPortRange'> = [40_000, 40_999]
 * function idleSeconds(connection: Connection): SocketOptionValueOf<'keepAliveIdleSeconds'> {
 *   return connection.getOption('keepAliveIdleSeconds')
 * }
 * ```
 */
export type ValueOf<Name extends SocketOptionName> = NonNullable<SocketOptions[Name]>

/** Throws ERR_UNSUPPORTED where the backend has no sockets of the kernel's. */
export function kernelOf(backend: Backend, what: string): KernelSockets {
  if (backend.kernel === undefined) throw unsupported(backend, what)
  return backend.kernel
}

export function unsupported({ name }: Backend, what: string): ConnectError {
  return new ConnectError(unsupportedFailure(name, what))
}

/** A system call that said no about something on this side. */
export function localError(result: number, syscall: string, context?: ErrorContext): ConnectError {
  return new ConnectError(connectFailure(result, syscall), context)
}

/** setsockopt(2) by name: 0 or a negated errno. Throws for a name or value that is none, and for an unsupported option. */
export function setOption(
  backend: Backend,
  handle: Handle,
  spec: SocketSpec,
  name: SocketOptionName,
  value: SocketOptionValue,
): number {
  const checked = checkSocketOption(checkedName(name), value)
  if (backend.setOption === undefined || lacksOption(backend.capabilities, spec, name)) {
    throw unsupported(backend, `the option ${name} of ${spec.type} sockets`)
  }
  return backend.setOption(handle, name, checked)
}

/** getsockopt(2) by name. */
export function getOption<Name extends SocketOptionName>(
  backend: Backend,
  handle: Handle,
  spec: SocketSpec,
  name: Name,
): ValueOf<Name> {
  checkedName(name)
  const kernel = kernelOf(backend, 'reading options')
  if (!appliesTo(name, spec)) throw localError(-errno.ENOPROTOOPT, 'getsockopt')
  const { level, option } = optionNumbers(spec, name)
  const bytes = read(kernel, handle, level, option, OPTION_BYTES)
  return decodeSocketOption(name, bytes) as ValueOf<Name>
}

function checkedName(name: SocketOptionName): SocketOptionName {
  if (isSocketOptionName(name)) return name
  throw new TypeError(`${String(name)} is not the name of a socket option`)
}

/** setsockopt(2) by number: 0 or a negated errno. A number for a value is an `int`. */
export function setRawOption(
  backend: Backend,
  handle: Handle,
  level: number,
  option: number,
  value: Uint8Array | number,
): number {
  checkNumbers(level, option)
  const bytes = typeof value === 'number' ? int(value) : value
  checkBytes('value', bytes)
  return kernelOf(backend, 'options by number').setOption(handle, level, option, bytes)
}

/** getsockopt(2) by number: the bytes that the kernel wrote, `length` at most. */
export function getRawOption(
  backend: Backend,
  handle: Handle,
  level: number,
  option: number,
  length: number,
): Uint8Array {
  checkNumbers(level, option)
  if (!Number.isInteger(length) || length < 1 || length > MOST_OPTION_BYTES) {
    throw new RangeError(`length must be a whole number from 1 to ${MOST_OPTION_BYTES}`)
  }
  return read(kernelOf(backend, 'options by number'), handle, level, option, length)
}

function checkNumbers(level: number, option: number): void {
  if (!isOptionNumber(level) || !isOptionNumber(option)) {
    throw new TypeError('level and option must be whole numbers from 0 to 2147483647')
  }
}

/** An `int` of setsockopt(2), signed or not, in this machine's byte order. Throws RangeError. */
export function int(value: number): Uint8Array {
  if (Number.isInteger(value) && value >= INT.low && value <= INT.high) {
    return new Uint8Array(Uint32Array.of(value).buffer)
  }
  throw new RangeError(`the value must fit into 32 bits, not ${value}`)
}

function read(
  kernel: KernelSockets,
  handle: Handle,
  level: number,
  option: number,
  length: number,
): Uint8Array {
  const into = new Uint8Array(length)
  const count = kernel.getOption(handle, level, option, into)
  if (count < 0) throw localError(count, 'getsockopt')
  return into.subarray(0, count)
}

/** TCP_INFO of a TCP socket. */
export function tcpInfo(backend: Backend, handle: Handle, { family, type }: SocketSpec): TcpInfo {
  const kernel = kernelOf(backend, 'TCP_INFO')
  const isTcp = type === 'stream' && (family === 'inet' || family === 'inet6')
  if (!isTcp) throw unsupported(backend, `TCP_INFO of a ${family} ${type} socket`)
  return parseTcpInfo(read(kernel, handle, TCP_INFO.level, TCP_INFO.option, TCP_INFO.bytes))
}

/** Gives the descriptor away; the handle is closed then. */
export function detach(backend: Backend, handle: Handle): number {
  const descriptor = kernelOf(backend, 'giving descriptors away').detach(handle)
  if (descriptor < 0) throw localError(descriptor, 'detach')
  return descriptor
}
