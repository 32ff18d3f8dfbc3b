/** Errors with the codes that Node's own sockets have for them. */

type Kind = new (message: string) => Error

/** As Node makes it: the code stands beside the message. */
function coded(Kind: Kind, code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Kind(message), { code })
}

/** A write that was under way when the socket was destroyed, and nobody said why. */
export function neverSent(wasConnected: boolean): Error {
  return wasConnected
    ? coded(Error, 'ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed')
    : coded(
        Error,
        'ERR_SOCKET_CLOSED_BEFORE_CONNECTION',
        'Socket closed before the connection was established',
      )
}

/** The peer has ended, and this side with it: that is not the writer's mistake. */
export function endedByPeer(): Error {
  return coded(Error, 'EPIPE', 'This socket has been ended by the other party')
}

/** Throws where it is no time that a timer could have. */
export function checkTimer(timeoutMs: number): void {
  if (typeof timeoutMs !== 'number') {
    const given = timeoutMs === null ? 'null' : typeof timeoutMs
    throw coded(
      TypeError,
      'ERR_INVALID_ARG_TYPE',
      `The "msecs" argument must be of type number. Received ${given}`,
    )
  }
  if (timeoutMs >= 0 && Number.isFinite(timeoutMs)) return
  throw coded(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "msecs" is out of range. It must be a non-negative finite number. Received ${timeoutMs}`,
  )
}

export function checkListener(listener: (() => void) | undefined): void {
  if (listener === undefined || typeof listener === 'function') return
  throw coded(
    TypeError,
    'ERR_INVALID_ARG_TYPE',
    `The "callback" argument must be of type function. Received ${String(listener)}`,
  )
}
