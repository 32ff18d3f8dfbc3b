/** Why a run stops before its end: a signal, or stdout that takes nothing more. The first reason counts. */
import { ExitCode } from './exit-codes.js'

export class Stop implements Disposable {
  readonly #controller = new AbortController()
  #exitCode: ExitCode | undefined

  constructor() {
    process.on('SIGINT', this.#interrupted)
    process.on('SIGTERM', this.#terminated)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Undefined while nothing has stopped the run. */
  get exitCode(): ExitCode | undefined {
    return this.#exitCode
  }

  stop(exitCode: ExitCode): void {
    if (this.#exitCode !== undefined) return
    this.#exitCode = exitCode
    // The default action is back in force: a second Ctrl-C kills at once, whatever the clean end waits for.
    this[Symbol.dispose]()
    this.#controller.abort()
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#interrupted)
    process.off('SIGTERM', this.#terminated)
  }

  readonly #interrupted = (): void => this.stop(ExitCode.INTERRUPTED)
  readonly #terminated = (): void => this.stop(ExitCode.TERMINATED)
}
