/**
 * The options of one stream, by name: kept until the stream is connected, since `net.Socket` can set none before.
 *
 * Node does not say whether setNoDelay() and setKeepAlive() succeeded. With an idle time libuv also sets
 * TCP_KEEPINTVL to 1 s and TCP_KEEPCNT to 10; without one all three are the system's.
 */
import { Socket } from 'node:net'
import type { SocketOptionName, SocketOptionValue, SystemResult } from '@pollout/core'
import type { Stream } from './stream.js'
import { negatedErrno } from './system-error.js'

/** Newer majors of Node have it; it is not in the types of the oldest. */
interface TypeOfService {
  setTypeOfService?(value: number): unknown
}

const HAS_TYPE_OF_SERVICE =
  typeof (Socket.prototype as TypeOfService).setTypeOfService === 'function'

const MS_PER_SECOND = 1000

export const STREAM_OPTIONS: readonly SocketOptionName[] = [
  'noDelay',
  'keepAlive',
  'keepAliveIdleSeconds',
  ...(HAS_TYPE_OF_SERVICE ? (['typeOfService'] as const) : []),
]

export class StreamOptions {
  readonly #values = new Map<SocketOptionName, SocketOptionValue>()

  set(name: SocketOptionName, value: SocketOptionValue): void {
    this.#values.set(name, value)
  }

  /** Sets all of them on a connected stream, which is of no other use afterwards: Node remembers them too. */
  applyTo(stream: Stream): SystemResult {
    stream.unused = false
    const values = this.#values
    if (values.has('noDelay')) stream.setNoDelay(values.get('noDelay') === true)
    if (values.has('keepAlive')) {
      const idleMs = Number(values.get('keepAliveIdleSeconds') ?? 0) * MS_PER_SECOND
      stream.setKeepAlive(values.get('keepAlive') === true, idleMs)
    }
    const typeOfService = values.get('typeOfService')
    if (typeOfService === undefined) return 0
    try {
      ;(stream as TypeOfService).setTypeOfService?.(Number(typeOfService))
      return 0
    } catch (cause) {
      return negatedErrno(cause)
    }
  }
}
