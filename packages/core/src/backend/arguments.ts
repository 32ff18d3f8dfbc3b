/**
 * The one check of what somebody hands in for one socket, addresses above all: before any policy judges it and any backend
 * sees it, so that all backends refuse the same, and connect to what was written.
 *
 * What can't be an address at all is a mistake of the caller's and is thrown. What only the kernel can judge (an interface
 * that is not there, a path that nobody listens on, a family that is not the socket's) is answered with its errno.
 */
import { types } from 'node:util'
import { quote } from '../base/quote.js'
import {
  type AddressFamily,
  type InetAddress,
  literalFamily,
  type SocketAddress,
  type UnixAddress,
  type VsockAddress,
} from './address.js'
import { unixPathProblem } from './unix-path.js'

const LARGEST_PORT = 65_535
const LARGEST_UNSIGNED = 2 ** 32 - 1

/** One that can be written down: 0 too, which nobody listens on. */
export function isPort(port: unknown): port is number {
  return isWhole(port, LARGEST_PORT)
}

/** An unsigned number of 32 bits. */
export function isUnsigned(value: unknown): value is number {
  return isWhole(value, LARGEST_UNSIGNED)
}

/** A level or an option of setsockopt(2): an `int`, and none of them is negative. */
export function isOptionNumber(value: unknown): value is number {
  return isWhole(value, 2 ** 31 - 1)
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most
}

/**
 * A copy, so that what is connected to is what was judged, whatever the caller's object does afterwards. Throws a
 * TypeError, or a RangeError for a number that is too large or too small.
 */
export function checkAddress(address: SocketAddress): SocketAddress {
  const copy = copyOf(address)
  const problem = addressProblem(copy)
  if (problem) throw problem
  return copy
}

function copyOf(given: SocketAddress): SocketAddress {
  const { family, address, port, path, cid } = Object(given) as Partial<
    InetAddress & UnixAddress & VsockAddress
  >
  switch (family as AddressFamily | undefined) {
    case 'inet':
    case 'inet6':
      return { family, address, port } as unknown as InetAddress
    case 'unix':
      return { family, path } as UnixAddress
    default:
      return { family, cid, port } as VsockAddress
  }
}

/**
 * What is wrong with an address, as the error that a `Socket` throws for it; undefined where a socket may be asked to go
 * there. For backends that have no kernel to ask.
 *
 * @example
 * ```ts
 * import { addressProblem } from '@pollout/core'
 *
 * addressProblem({ family: 'inet', address: '127.0.0.1', port: 80 }) // undefined
 * addressProblem({ family: 'inet', address: '::1', port: 80 })?.message
 * // address "::1" is not an IPv4 literal, and the family is inet
 * ```
 */
export function addressProblem(address: SocketAddress): Error | undefined {
  switch (address?.family) {
    case 'inet':
    case 'inet6':
      return inetProblem(address.family, address.address) ?? portProblem(address.port, LARGEST_PORT)
    case 'unix':
      return pathProblem(address.path)
    case 'vsock':
      return (
        numberProblem('cid', address.cid, LARGEST_UNSIGNED) ??
        portProblem(address.port, LARGEST_UNSIGNED)
      )
    default:
      return typeError('a socket address has one of the families inet, inet6, unix and vsock')
  }
}

function inetProblem(family: 'inet' | 'inet6', address: unknown): Error | undefined {
  if (typeof address !== 'string') return typeError('address must be a string')
  if (literalFamily(address) === family) return undefined
  const version = family === 'inet' ? 'IPv4' : 'IPv6'
  return typeError(
    `address ${quote(address)} is not an ${version} literal, and the family is ${family}`,
  )
}

function pathProblem(path: unknown): Error | undefined {
  if (typeof path !== 'string') return typeError('path must be a string')
  const problem = unixPathProblem(path)
  return problem === undefined ? undefined : typeError(`path ${quote(path)} ${problem}`)
}

function portProblem(port: unknown, most: number): Error | undefined {
  return numberProblem('port', port, most)
}

function numberProblem(name: string, value: unknown, most: number): Error | undefined {
  if (isWhole(value, most)) return undefined
  if (typeof value !== 'number') return typeError(`${name} must be a number, not ${typeof value}`)
  return rangeError(`${name} must be a whole number from 0 to ${most}, not ${value}`)
}

/** What send(2) takes from: `offset` counts bytes of `data`, and may be its end. */
export function checkSendArguments(data: Uint8Array, offset: number): void {
  checkBytes('data', data)
  if (typeof offset !== 'number') throw typeError(`offset must be a number, not ${typeof offset}`)
  if (!isWhole(offset, data.length)) {
    throw rangeError(`offset must be a whole number from 0 to ${data.length}, not ${offset}`)
  }
}

/** What recv(2) writes into: into nothing it answers 0, which would read as the end of the stream. */
export function checkReceiveBuffer(into: Uint8Array): void {
  checkBytes('into', into)
  if (into.length === 0) throw typeError('into must have room for a byte')
}

/** A Uint8Array of any realm, with memory behind it. */
export function checkBytes(name: string, bytes: unknown): void {
  if (!types.isUint8Array(bytes)) throw typeError(`${name} must be a Uint8Array`)
  if (isDetached(bytes)) {
    throw typeError(`${name} must be a Uint8Array that is not detached`)
  }
}

/** Its memory is gone: transferred to a thread, grown by WebAssembly, or resized to less than where it begins. */
export function isDetached(data: Uint8Array): boolean {
  if (data.length > 0) return false
  try {
    // Throws for such an array, and not for one that is empty; Node 20 has no other way to see the difference.
    data.at(0)
    return false
  } catch {
    return true
  }
}

/** With the codes of Node's own argument errors. */
function typeError(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' })
}

function rangeError(message: string): RangeError {
  return Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' })
}
