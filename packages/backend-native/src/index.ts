/** @pollout/backend-native: non-blocking sockets and epoll, on Linux, in an N-API addon. */
import type { BackendFactory } from '@pollout/core'
import { loadAddon, type NativeBackendRemedy, VERSION } from './load-addon.js'
import { NativeBackend } from './native-backend.js'

export type { NativeBackendRemedy } from './load-addon.js'

/**
 * Whether `nativeBackend()` works here, and if not, why: a sentence without a full stop.
 *
 * @example
 * ```ts
 * import { isNativeBackendAvailable, type NativeBackendAvailability } from '@pollout/backend-native'
 *
 * const native: NativeBackendAvailability = isNativeBackendAvailable()
 * if (!native.available) console.warn(`connects will be slower: ${native.reason}`)
 * ```
 */
export type NativeBackendAvailability =
  | {
      readonly available: true
      /** The file that was loaded. */
      readonly addon: string
    }
  | {
      readonly available: false
      readonly reason: string
      /** Undefined where nothing would help. */
      readonly remedy: NativeBackendRemedy | undefined
      /** The file that does not load, or where one was looked for first. */
      readonly addon: string | undefined
      /** That of the package, which an addon has to be of. */
      readonly version: string
    }

/**
 * Loads the addon, if that was not done before, and tells how it went. Never throws.
 *
 * @example
 * ```ts
 * import { isNativeBackendAvailable, nativeBackend } from '@pollout/backend-native'
 * import { netBackend } from '@pollout/backend-net'
 *
 * const backend = isNativeBackendAvailable().available ? nativeBackend() : netBackend()
 * ```
 */
export function isNativeBackendAvailable(): NativeBackendAvailability {
  const loaded = loadAddon()
  if (loaded.addon !== undefined) return { available: true, addon: loaded.path }
  const { reason, remedy, path } = loaded
  return { available: false, reason, remedy, addon: path, version: VERSION }
}

/**
 * How a native backend works.
 *
 * @example
 * ```ts
 * import { type NativeBackendOptions, nativeBackend } from '@pollout/backend-native'
 *
 * const onTheLoop: NativeBackendOptions = { threads: 0 }
 * const backend = nativeBackend(onTheLoop)
 * ```
 */
export interface NativeBackendOptions {
  /**
   * Threads that run the attempts of `connectMany()`, from 0 to 64; by default 1. They are started with the first one and
   * kept until the reactor is destroyed. 0: the event loop's own thread, which then makes the system calls.
   */
  readonly threads?: number
  /**
   * How it gets into the runtime's event loop. `libuv`: by Node's own, the default there. `thread`: by a thread that waits
   * for it, the default on Bun and Deno, which have no libuv; a turn of the loop costs two changes of threads more.
   */
  readonly loop?: 'libuv' | 'thread'
}

const DEFAULT_THREADS = 1
const HAS_LIBUV = process.versions['bun'] === undefined && process.versions['deno'] === undefined
const DEFAULT_LOOP = HAS_LIBUV ? 'libuv' : 'thread'
const MOST_THREADS = 64

/**
 * The native backend, for `createReactor({ backend: nativeBackend() })`.
 *
 * Throws a RangeError for a number of threads that it can't have, and a TypeError for an option that there is none of.
 *
 * The factory throws an Error with code `ERR_POLLOUT_NATIVE_UNAVAILABLE` where the addon can't be
 * loaded, and one in Node's shape (`EMFILE`, say) where the system has no epoll descriptor to give.
 *
 * @example
 * ```ts
 * import { nativeBackend } from '@pollout/backend-native'
 * import { createReactor } from '@pollout/core'
 *
 * await using reactor = createReactor({ backend: nativeBackend() })
 * ```
 */
export function nativeBackend(options: NativeBackendOptions = {}): BackendFactory {
  const { threads = DEFAULT_THREADS, loop = DEFAULT_LOOP, ...others } = options
  for (const [name, value] of Object.entries(others)) {
    if (value === undefined) continue
    throw new TypeError(`there is no option ${JSON.stringify(name)}, only threads and loop`)
  }
  if (!Number.isInteger(threads) || threads < 0 || threads > MOST_THREADS) {
    const given = typeof threads === 'string' ? JSON.stringify(threads) : String(threads)
    throw new RangeError(`threads must be a whole number from 0 to ${MOST_THREADS}, not ${given}`)
  }
  if (loop !== 'libuv' && loop !== 'thread') {
    throw new RangeError(`loop must be "libuv" or "thread", not ${JSON.stringify(loop)}`)
  }
  if (loop === 'libuv' && !HAS_LIBUV) {
    throw new RangeError('loop must be "thread": this runtime has no libuv')
  }
  return (sink) => {
    const loaded = loadAddon()
    if (loaded.addon !== undefined) return new NativeBackend(loaded.addon, sink, threads, loop)
    throw Object.assign(
      new Error(`The native backend is not available: ${loaded.reason}`, { cause: loaded.cause }),
      { code: 'ERR_POLLOUT_NATIVE_UNAVAILABLE' },
    )
  }
}
