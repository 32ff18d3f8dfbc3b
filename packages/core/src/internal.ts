/**
 * `@pollout/core/internal`: what other packages of this repository share with core. Nobody else is promised any of it: it may
 * change with every version.
 */
import type { ExchangeAccess } from './exchanges/exchange-access.js'
import { Reactor } from './reactor.js'

export { IS_LITTLE_ENDIAN } from './backend/byte-order.js'
export { formatIp } from './backend/ip-text.js'
export { Fifo } from './base/fifo.js'
export { isExhaustion } from './errors/blame.js'
export { isFinishedHere } from './errors/failures.js'
export type { ExchangeAccess, ExchangeSetup } from './exchanges/exchange-access.js'
export { parseIp } from './policy/policy-address.js'
export { Deadlines, Expirable } from './reactor/deadlines.js'

/** What `@pollout/load` needs of a reactor. */
export function exchangesOf(reactor: Reactor): ExchangeAccess {
  return Reactor.exchangesOf(reactor)
}
