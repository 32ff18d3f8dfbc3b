/** Everything public of `pollout`: the reactor, with both backends, of which it picks one by itself. */
export {
  isNativeBackendAvailable,
  type NativeBackendAvailability,
  type NativeBackendOptions,
  type NativeBackendRemedy,
  nativeBackend,
} from '@pollout/backend-native'
export { netBackend } from '@pollout/backend-net'
export * from '@pollout/core'
export { type BackendReport, backendReport } from './backend-report.js'
export type { BackendChoice, BackendName, FallbackListener } from './choose-backend.js'
// These two stand in for those of core, which know no backends.
export { createReactor, type ReactorOptions } from './create-reactor.js'
