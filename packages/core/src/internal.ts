/**
 * `@pollout/core/internal`: what other packages of this repository share with core. Nobody else is promised any of it: it may
 * change with every version.
 */
export { IS_LITTLE_ENDIAN } from './backend/byte-order.js'
export { formatIp } from './backend/ip-text.js'
export { Fifo } from './base/fifo.js'
export { isExhaustion } from './errors/blame.js'
export { isFinishedHere } from './errors/failures.js'
export { parseIp } from './policy/policy-address.js'
export { Deadlines, Expirable } from './reactor/deadlines.js'
