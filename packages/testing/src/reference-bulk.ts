/** The bulk lane as `backend/bulk.ts` has it, for any backend: its contract in TypeScript, to be read and to be tested against. */
import { type BackendFactory, type BulkConnector, type Clock, systemClock } from '@pollout/core'
import { ReferenceLane } from './reference-lane.js'
import { Switchboard } from './switchboard.js'

/**
 * Options of {@link withBulkLane}.
 *
 * @example
 * ```ts
 * import {
 *   type BulkLaneSetting,
 *   manualClock,
 *   simulatedBackend,
 *   withBulkLane,
 * } from '@pollout/testing'
 *
 * const setting: BulkLaneSetting = { clock: manualClock() }
 * const backend = withBulkLane(simulatedBackend(), setting)
 * ```
 */
export interface BulkLaneSetting {
  /** What starts, deadlines and times go by; the reactor's own. Default: the system's. */
  readonly clock?: Clock
}

/**
 * Adds a bulk lane to a backend, built on its own sockets: for tests of what goes by the lane, on whatever network, in
 * virtual time too. It is as slow as the calls that it is made of.
 *
 * @example
 * ```ts
 * import { createReactor } from '@pollout/core'
 * import { manualClock, simulatedNetwork, withBulkLane } from '@pollout/testing'
 *
 * const clock = manualClock()
 * const network = simulatedNetwork({ clock })
 * const reactor = createReactor({ clock, backend: withBulkLane(network.backend(), { clock }) })
 * reactor.connectMany(['tcp://192.0.2.1:80'], { rate: 100 }).subscribe(console.log)
 * clock.advance(1_000)
 * ```
 */
export function withBulkLane(
  factory: BackendFactory,
  { clock = systemClock }: BulkLaneSetting = {},
): BackendFactory {
  return (sink) => {
    const switchboard = new Switchboard(sink)
    const backend = factory(switchboard)
    const destroy = backend.destroy.bind(backend)
    const { lanes } = switchboard
    const bulk: BulkConnector = {
      threads: 0,
      open(options, bulkSink) {
        const lane = new ReferenceLane({ backend, clock, switchboard }, options, bulkSink, () => {
          lanes.delete(lane)
        })
        lanes.add(lane)
        return lane
      },
    }
    return Object.assign(backend, {
      bulk,
      destroy() {
        for (const lane of lanes) lane.cancel()
        return destroy()
      },
    })
  }
}

/**
 * The same backend without its bulk lane: all goes by the socket lane.
 *
 * @example
 * ```ts
 * import { nativeBackend } from '@pollout/backend-native'
 * import { createReactor } from '@pollout/core'
 * import { withoutBulkLane } from '@pollout/testing'
 *
 * await using reactor = createReactor({ backend: withoutBulkLane(nativeBackend()) })
 * ```
 */
export function withoutBulkLane(factory: BackendFactory): BackendFactory {
  return (sink) => Object.defineProperty(factory(sink), 'bulk', { value: undefined })
}
