/** The bulk lane: `BulkConnector` on top of the addon's functions. */
import {
  type BulkConnector,
  type BulkLane,
  type BulkLaneOptions,
  type BulkSink,
  type EncodedOption,
  errno,
  type SocketAddress,
} from '@pollout/core'
import type { NativeFunctions, NativeOption, NativeSource } from './addon.js'
import { whereOf } from './native-address.js'
import { FAMILY_NUMBERS } from './native-kernel.js'
import { withNodesErrors } from './system-error.js'

/** The addon's numbers for what becomes of a connection. */
export const ON_CONNECTED = { keep: 0, close: 1, reset: 2 } as const

const EBADF = { code: 'EBADF', errno: -errno.EBADF, syscall: 'open' }

/** The addon's `int`: as good as no limit. */
const MOST_IN_FLIGHT = 2 ** 31 - 1

export class NativeBulk implements BulkConnector {
  readonly threads: number
  readonly #native: NativeFunctions

  constructor(native: NativeFunctions, threads: number) {
    this.#native = native
    this.threads = threads
  }

  open(given: BulkLaneOptions, sink: BulkSink): BulkLane {
    const { limit, onConnected, options, sources, intervalMs = 0 } = given
    const lane = withNodesErrors(() =>
      this.#native.openLane(
        Math.min(limit, MOST_IN_FLIGHT),
        ON_CONNECTED[onConnected],
        options.inet.map(flattened),
        options.inet6.map(flattened),
        sources.map(flattenedSource),
        intervalMs,
        (records, count) => sink.outcomes(records, count),
      ),
    )
    // A destroyed backend has no descriptors either.
    if (lane < 0) throw Object.assign(new Error('open EBADF: the backend is destroyed'), EBADF)
    return new NativeLane(this.#native, lane)
  }
}

class NativeLane implements BulkLane {
  readonly #native: NativeFunctions
  /** Its number in the addon, which is never used again. */
  readonly #lane: number

  constructor(native: NativeFunctions, lane: number) {
    this.#native = native
    this.#lane = lane
  }

  submit(attempts: Uint8Array, count: number): void {
    this.#native.submit(this.#lane, attempts, count)
  }

  limit(most: number): void {
    this.#native.limit(this.#lane, Math.min(most, MOST_IN_FLIGHT))
  }

  cancel(): void {
    this.#native.cancel(this.#lane)
  }

  /** With nothing queued, in flight or untold, to cancel is to give back. */
  end(): void {
    this.#native.cancel(this.#lane)
  }
}

function flattened({ level, option, value }: EncodedOption): NativeOption {
  return [level, option, value]
}

function flattenedSource(source: SocketAddress): NativeSource {
  return [FAMILY_NUMBERS[source.family], ...whereOf(source)]
}
