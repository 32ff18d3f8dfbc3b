/** @pollout/backend-native: non-blocking sockets and epoll, on Linux, in an N-API addon. */
import type { BackendFactory } from '@pollout/core'
import { loadAddon } from './addon.js'
import { NativeBackend } from './native-backend.js'

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
  | { readonly available: true }
  | { readonly available: false; readonly reason: string }

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
  if (loaded.addon !== undefined) return { available: true }
  return { available: false, reason: loaded.reason }
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
}

const DEFAULT_THREADS = 1
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
  const { threads = DEFAULT_THREADS, ...others } = options
  for (const [name, value] of Object.entries(others)) {
    if (value === undefined) continue
    throw new TypeError(`there is no option ${JSON.stringify(name)}, only threads`)
  }
  if (!Number.isInteger(threads) || threads < 0 || threads > MOST_THREADS) {
    const given = typeof threads === 'string' ? JSON.stringify(threads) : String(threads)
    throw new RangeError(`threads must be a whole number from 0 to ${MOST_THREADS}, not ${given}`)
  }
  return (sink) => {
    const loaded = loadAddon()
    if (loaded.addon !== undefined) return new NativeBackend(loaded.addon, sink, threads)
    throw Object.assign(
      new Error(`The native backend is not available: ${loaded.reason}`, { cause: loaded.cause }),
      { code: 'ERR_POLLOUT_NATIVE_UNAVAILABLE' },
    )
  }
}
