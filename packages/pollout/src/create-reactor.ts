/** `createReactor()` of this package: core's, with the choice of the backend made. */
import { type ReactorOptions as CoreReactorOptions, Reactor } from '@pollout/core'
import { type BackendChoice, chooseBackend, type FallbackListener } from './choose-backend.js'

/**
 * What a reactor is made of. All of it may be left out.
 *
 * @example
 * ```ts
 * import { createReactor, publicInternetOnly, type ReactorOptions } from 'pollout'
 *
 * const options: ReactorOptions = { policy: publicInternetOnly, onFallback: console.warn }
 * const reactor = createReactor(options)
 * ```
 */
export interface ReactorOptions extends Omit<CoreReactorOptions, 'backend'> {
  /**
   * `auto` (the default): the native backend where it works, else the portable one. `native` throws where it is not
   * available. Or a factory: `nativeBackend()`, `netBackend()`, one of your own.
   */
  readonly backend?: BackendChoice | undefined
  /**
   * Told each time `auto` falls back to the portable backend, in one line. Default: a process warning with the code
   * `POLLOUT_PORTABLE_BACKEND`, once per process.
   */
  readonly onFallback?: FallbackListener | undefined
}

/**
 * Makes a reactor on the best backend there is, or on the one asked for. Throws TypeError for a backend that there
 * is not, an Error of code `ERR_POLLOUT_NATIVE_UNAVAILABLE` for `native` where it does not work, and what the
 * backend throws when the system has nothing left to give (EMFILE).
 *
 * @example
 * ```ts
 * import { createReactor } from 'pollout'
 * import { firstValueFrom } from 'rxjs'
 *
 * await using reactor = createReactor()
 * await using connection = await firstValueFrom(reactor.connect('tcp://127.0.0.1:7'))
 * await connection.send('Hello, Server!')
 * ```
 */
export function createReactor(options: ReactorOptions = {}): Reactor {
  const { backend = 'auto', onFallback = warnOnce, ...rest } = options
  return new Reactor({ ...rest, backend: chooseBackend(backend, onFallback) })
}

/** On the process and not in this module, which is loaded twice where `import` and `require` are mixed. */
const WARNED = Symbol.for('pollout.warned-of-portable-backend')

function warnOnce(message: string): void {
  if (Object.hasOwn(process, WARNED)) return
  Object.defineProperty(process, WARNED, { value: true })
  process.emitWarning(message, { type: 'PolloutWarning', code: 'POLLOUT_PORTABLE_BACKEND' })
}
