/** What `@pollout/load` is given of a reactor: the backend's exchange lane, behind the reactor's policy. */
import type { SocketAddress } from '../backend/address.js'
import type { ExchangeLane, ExchangeLaneOptions, ExchangeSink } from '../backend/exchange.js'
import {
  type ConnectOptions,
  checkDestination,
  checkSetup,
  DESTINATION_NAMES,
} from '../connect/connect-options.js'
import { encodedSetup } from '../connect/encoded-setup.js'
import { ConnectError } from '../errors/connect-error.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { denialByEither } from '../policy/denial.js'
import type { Clock } from '../reactor/clock.js'

/** A lane's options, but for what is made of the connect's own. */
export type ExchangeSetup = Omit<ExchangeLaneOptions, 'peers' | 'options' | 'sources'>

export interface ExchangeAccess {
  readonly clock: Clock
  /** That a lane of the backend's runs on; 0 without one. */
  readonly threads: number
  /**
   * A lane to these addresses; undefined where the backend has none, or none that can do what `how` says: then exchanges go by
   * connections. Throws {@link ConnectError} where the policy denies one of them, and what `how` can't mean.
   */
  open(
    peers: readonly SocketAddress[],
    how: ConnectOptions,
    setup: ExchangeSetup,
    sink: ExchangeSink,
  ): ExchangeLane | undefined
}

/** Options of a connect that a lane knows nothing of, and does without. */
const OTHERS = [...DESTINATION_NAMES, 'timeoutMs', 'signal', 'idleTimeoutMs', 'tls', 'onAttempt']

export function exchangeAccess(core: OutboundCore): ExchangeAccess {
  return {
    clock: core.clock,
    threads: core.backend.exchanges?.threads ?? 0,
    open(peers, how, setup, sink) {
      const { exchanges } = core.backend
      const { policy } = checkDestination(how)
      for (const peer of peers) {
        const denial = denialByEither(core.policy, policy, peer)
        if (denial) throw new ConnectError(denial, { address: peer })
      }
      if (exchanges === undefined || how.tls !== undefined || how.idleTimeoutMs !== undefined) {
        return undefined
      }
      const given = checkSetup(how, OTHERS)
      const encoded = encodedSetup(core.backend, given)
      // A range of ports is walked by those who bind one by one.
      const isPlain = given?.sources === undefined || given.sources.leavesPort
      const canRun = peers.every(({ family }) => {
        if (family === 'unix') return given === undefined
        return (family === 'inet' || family === 'inet6') && encoded?.families[family]
      })
      if (encoded === undefined || !isPlain || !canRun) return undefined
      const { options, sources } = encoded
      const all = { ...setup, peers, sources, options: { ...options, unix: [] } }
      return exchanges.open(all, sink)
    },
  }
}
