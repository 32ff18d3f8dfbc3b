/** Calls on handles that name no socket: of one that was closed, and numbers that never were any. */
import {
  type Backend,
  errno,
  type Handle,
  type InetAddress,
  Interest,
  type Token,
} from '@pollout/core'
import type { Operation } from './operations.js'

const NEVER = [-1, 0.5, 2 ** 21 - 1, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER, Number.NaN]
const TO: InetAddress = { family: 'inet', address: '127.0.0.1', port: 1 }
const NO_SOCKET = -errno.EBADF
const bytes = new Uint8Array(16)

/** A number that is no handle, or that of a socket that is open. */
export function neverAHandle(choice: number): Handle {
  return NEVER[choice % NEVER.length] as Handle
}

/** What the call answers; where it has no answer, or the backend no such call, what it should. */
export function answerStale(
  backend: Backend,
  operation: Operation,
  handle: Handle,
  token: Token,
): number {
  switch (operation) {
    case 'connect':
      return backend.connect(handle, TO)
    case 'register':
      return backend.register(handle, token, Interest.READABLE)
    case 'finish':
      return backend.finishConnect(handle)
    case 'send':
      return backend.send(handle, bytes, 0)
    case 'receive':
      return backend.receive(handle, bytes)
    case 'shutdown':
      return backend.shutdown(handle)
    case 'bind':
      return backend.bind?.(handle, { ...TO, port: 0 }) ?? NO_SOCKET
    case 'setOption':
      return backend.setOption?.(handle, 'noDelay', true) ?? NO_SOCKET
    case 'disconnect':
      return backend.disconnect?.(handle) ?? NO_SOCKET
    case 'detach':
      return backend.kernel?.detach(handle) ?? NO_SOCKET
    case 'closeReset':
    case 'closeGraceful':
      backend.close(handle, operation === 'closeReset' ? 'reset' : 'graceful')
      return NO_SOCKET
    default:
      backend.deregister(handle)
      return NO_SOCKET
  }
}
