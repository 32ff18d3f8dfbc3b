/** postgres.js over a reactor, by its `socket` option. */
import type { Duplex } from 'node:stream'
import { type Dialer, type DialOptions, dial } from './dial.js'

/** Of the parsed options that postgres.js hands to its factory. */
export interface PostgresPlace {
  readonly host: readonly string[]
  readonly port: readonly number[]
  readonly path?: string | false | undefined
}

/**
 * Connects to the client's own host and port, or path; to the first one where it has several. Its `ssl` works as ever.
 *
 * @example
 * postgres('postgres://app@127.0.0.1/db', { socket: postgresSocket(reactor) })
 */
export function postgresSocket(reactor: Dialer, dialOptions: DialOptions = {}) {
  return (options: PostgresPlace): Duplex => {
    const { path } = options
    const [host] = options.host
    const [port = 5432] = options.port
    const duplex = dial(reactor, { host, port, path: path || undefined }, dialOptions)
    closeInALaterTurn(duplex)
    // It asks its socket for the host, as the name to check in TLS.
    return Object.assign(duplex, { host, port })
  }
}

/**
 * postgres.js writes in the next immediate, and cancels that at 'close' without forgetting that it had asked for it: it
 * would never write again. A net.Socket closes after the loop's check phase, a refused duplex may do so before.
 */
function closeInALaterTurn(duplex: Duplex): void {
  const emit = duplex.emit.bind(duplex)
  duplex.emit = (event: string | symbol, ...told: unknown[]): boolean => {
    if (event !== 'close') return emit(event, ...told)
    setImmediate(emit, event, ...told)
    return duplex.listenerCount(event) > 0
  }
}
