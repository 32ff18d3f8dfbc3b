/** @pollout/backend-native: non-blocking sockets and epoll, on Linux, in an N-API addon. */
import type { BackendFactory } from '@pollout/core'
import { loadAddon } from './addon.js'
import { NativeBackend } from './native-backend.js'

/** Whether `nativeBackend()` works here, and if not, why: a sentence without a full stop. */
export type NativeBackendAvailability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: string }

/** Loads the addon, if that was not done before, and tells how it went. Never throws. */
export function isNativeBackendAvailable(): NativeBackendAvailability {
  const loaded = loadAddon()
  if (loaded.addon !== undefined) return { available: true }
  return { available: false, reason: loaded.reason }
}

/**
 * The native backend, for `createReactor({ backend: nativeBackend() })`.
 *
 * The factory throws an Error with code `ERR_POLLOUT_NATIVE_UNAVAILABLE` where the addon can't be
 * loaded, and one in Node's shape (`EMFILE`, say) where the system has no epoll descriptor to give.
 */
export function nativeBackend(): BackendFactory {
  return (sink) => {
    const loaded = loadAddon()
    if (loaded.addon !== undefined) return new NativeBackend(loaded.addon, sink)
    throw Object.assign(
      new Error(`The native backend is not available: ${loaded.reason}`, { cause: loaded.cause }),
      { code: 'ERR_POLLOUT_NATIVE_UNAVAILABLE' },
    )
  }
}
