/** From a connection in the clear to one inside of TLS, once what was to be sent in the clear is out. */

import { onAbort } from '../base/abort.js'
import type { Failure } from '../errors/failure.js'
import { abortedFailure } from '../errors/failures.js'
import { Link, type LinkPlace } from '../link/link.js'
import { timeLeft, timeWaited, waitAtMost } from '../reactor/patience.js'
import { Handshake } from './handshake.js'
import type { TlsChannel } from './tls-channel.js'
import { tlsDeadlineFailure } from './tls-failure.js'
import type { TlsInfo } from './tls-info.js'
import type { TlsSetup } from './tls-options.js'

export interface Upgrade {
  readonly setup: TlsSetup
  /** For all of it, in milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

export interface Secured {
  readonly channel: TlsChannel
  readonly info: TlsInfo
}

/** Takes the channel of `link`, and closes it where this fails. */
export async function upgrade(link: Link, place: LinkPlace, options: Upgrade): Promise<Secured> {
  const { setup, timeoutMs: limitMs, signal } = options
  const { core } = link
  let abort = (failure: Failure): void => link.fail(failure)
  if (signal?.aborted) throw link.error(abortedFailure(signal.reason, 'handshake'))
  const stopWatching = onAbort(signal, () => abort(abortedFailure(signal?.reason, 'handshake')))
  const waitedMs = timeWaited(core)
  const isLimited = limitMs !== Number.POSITIVE_INFINITY
  const timer = isLimited
    ? waitAtMost(core, limitMs, () => abort(tlsDeadlineFailure(limitMs)), link)
    : undefined
  try {
    link.assertOpen()
    await link.flushed()
    // No gap from here to the handshake's start, in which nobody would hear of an abort or of the reactor's end.
    const channel = link.handOver()
    timer?.cancel()
    const timeoutMs = timeLeft(limitMs, waitedMs())
    return await new Promise<Secured>((resolve, reject) => {
      const failed = (failure: Failure): void => reject(link.error(failure))
      const handshake = new Handshake(
        new Link(core, channel, place),
        { setup, timeoutMs, limitMs },
        { secured: (inner, info) => resolve({ channel: inner, info }), failed },
      )
      abort = (failure) => {
        handshake.cancel()
        failed(failure)
      }
      handshake.start()
    })
  } finally {
    timer?.cancel()
    stopWatching()
  }
}
