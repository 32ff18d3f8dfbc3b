/** What a whole run of the benchmark has at hand: servers, programs, settings. */
import type { Children } from './children.js'
import type { ContestantId, RuntimeId } from './job.js'
import type { Machine } from './machine.js'
import type { Peer } from './namespaced-peer.js'
import type { Options } from './options.js'
import type { Runtime } from './runtimes.js'
import type { Server } from './server.js'
import type { Settings } from './settings.js'
import type { TransferServer } from './transfer-server.js'
import type { Yardstick } from './yardstick.js'

export interface Bench {
  readonly children: Children
  readonly machine: Machine
  readonly options: Options
  readonly settings: Settings
  readonly server: Server
  /** Undefined where nobody asks for handshakes. */
  readonly peer: Peer | undefined
  /** Undefined where nobody asks for transfers. */
  readonly transferServer: TransferServer | undefined
  readonly yardstick: Yardstick
  readonly runtimes: ReadonlyMap<RuntimeId, Runtime>
  /** Who can't take part here. */
  readonly skipped: ReadonlyMap<ContestantId, string>
  readonly progress: (what: string) => void
}
