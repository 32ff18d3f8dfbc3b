/** What has come from the peer of a connection that nobody reads: asked once, without waiting for it. */

import type { ReactorCore } from '../reactor/reactor-core.js'
import type { Connection } from './connection.js'

/** `nothing` is what a healthy idle connection has; `end` is the peer's FIN, `error` a reset, or that somebody reads. */
export type Arrival = 'nothing' | 'data' | 'end' | 'error'

/**
 * Reads for as long as the loop needs to look at its sockets once, then tells what that brought; never from inside this
 * call. Data that has come is taken from the connection, and lost. Returns how to leave: then nothing is told.
 *
 * An idle connection has nothing armed (docs/decisions.md, 12), so its end is known to the kernel only. Two turns have
 * a poll phase between them, wherever in the loop this is called; what that phase found and has not delivered, poll() does.
 */
export function whatHasCome(
  core: ReactorCore,
  connection: Connection,
  tell: (arrival: Arrival) => void,
): () => void {
  let asking = true
  const stop = (): void => {
    asking = false
    reading.unsubscribe()
  }
  const found = (arrival: Arrival): void => {
    if (!asking) return
    stop()
    tell(arrival)
  }
  const reading = connection.received.subscribe({
    next: () => found('data'),
    complete: () => found('end'),
    error: () => found('error'),
  })
  core.later(() => {
    core.later(() => {
      if (asking && core.gone === undefined) core.backend.poll()
      found('nothing')
    })
  })
  return stop
}
