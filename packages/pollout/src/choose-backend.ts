/** Which backend to use: the native one where it works, else the portable one, and never silently. */
import {
  isNativeBackendAvailable,
  type NativeBackendOptions,
  nativeBackend,
} from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import type { BackendFactory } from '@pollout/core'

export const BACKEND_NAMES = ['auto', 'native', 'net'] as const

/**
 * `auto` is native where that works, else net.
 *
 * @example
 * ```ts
 * import { type BackendName, createReactor } from 'pollout'
 *
 * const backend: BackendName = process.platform === 'linux' ? 'native' : 'auto'
 * const reactor = createReactor({ backend })
 * ```
 */
export type BackendName = (typeof BACKEND_NAMES)[number]

/**
 * A backend by its name, or what makes one.
 *
 * @example
 * ```ts
 * import { simulatedBackend } from '@pollout/testing'
 * import { type BackendChoice, createReactor } from 'pollout'
 *
 * function client(backend: BackendChoice = 'auto') {
 *   return createReactor({ backend }).connect('tcp://192.0.2.1:7')
 * }
 * client(simulatedBackend()) // in a test
 * ```
 */
export type BackendChoice = BackendName | BackendFactory

/**
 * What to tell, in one line without a full stop, when `auto` has to do without the native backend.
 *
 * @example
 * ```ts
 * import { createReactor, type FallbackListener } from 'pollout'
 *
 * const mustBeFast: FallbackListener = (message) => {
 *   throw new Error(message)
 * }
 * const reactor = createReactor({ onFallback: mustBeFast })
 * ```
 */
export type FallbackListener = (message: string) => void

/**
 * `native` is how the native backend works where the choice falls on it. Throws TypeError for what is no backend, and an
 * Error where `native` is asked for and not available.
 */
export function chooseBackend(
  choice: BackendChoice,
  onFallback: FallbackListener,
  native: NativeBackendOptions = {},
): BackendFactory {
  if (typeof choice === 'function') return choice
  switch (choice) {
    case 'net':
      return netBackend()
    case 'native':
      return requireNative(native)
    case 'auto':
      return nativeOrNet(onFallback, native)
    default:
      throw new TypeError(
        `backend must be one of ${BACKEND_NAMES.join(', ')} or a backend factory, not ${named(choice)}`,
      )
  }
}

function requireNative(options: NativeBackendOptions): BackendFactory {
  const reason = whyNotNative()
  if (reason === undefined) return nativeBackend(options)
  throw Object.assign(
    new Error(
      `the native backend is not available: ${reason}; choose 'net', or 'auto' to fall back to it`,
    ),
    { code: 'ERR_POLLOUT_NATIVE_UNAVAILABLE' },
  )
}

function nativeOrNet(onFallback: FallbackListener, options: NativeBackendOptions): BackendFactory {
  const reason = whyNotNative()
  if (reason === undefined) return nativeBackend(options)
  onFallback(
    `the native backend is not available (${reason}); using the portable one, which is slower`,
  )
  return netBackend()
}

/** Some of the system's own messages end in a full stop, and here the sentence goes on. */
function whyNotNative(): string | undefined {
  const native = isNativeBackendAvailable()
  return native.available ? undefined : native.reason.replace(/\.$/, '')
}

/** A user's value for a message: never long, never throws. */
function named(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : typeof value
}
