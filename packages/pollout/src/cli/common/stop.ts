/** Why a run stops before its end: a signal, or stdout that takes nothing more. The first reason counts. */
import { ExitCode } from './exit-codes.js'

export class Stop implements Disposable {
  readonly #controller = new AbortController()
  /** Not listeners of the signal, of which Node takes more than ten for a leak: each probe has one. */
  readonly #callbacks = new Set<() => void>()
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

  /** The user's word, and not an output that takes nothing more. */
  get isBySignal(): boolean {
    return this.#exitCode === ExitCode.INTERRUPTED || this.#exitCode === ExitCode.TERMINATED
  }

  /** Calls back once, when the run stops. Returns how to wait no longer. */
  watch(callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  stop(exitCode: ExitCode): void {
    if (this.#exitCode !== undefined) return
    this.#exitCode = exitCode
    // The default action is back in force: a second Ctrl-C kills at once, whatever the clean end waits for.
    this[Symbol.dispose]()
    this.#controller.abort()
    for (const callback of this.#callbacks) callback()
    this.#callbacks.clear()
  }

  /** Ends the process by the signal that has stopped the run; to shells that is the same exit code. */
  endBySignal(): void {
    if (this.#exitCode === ExitCode.INTERRUPTED) process.kill(process.pid, 'SIGINT')
    if (this.#exitCode === ExitCode.TERMINATED) process.kill(process.pid, 'SIGTERM')
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#interrupted)
    process.off('SIGTERM', this.#terminated)
  }

  readonly #interrupted = (): void => this.stop(ExitCode.INTERRUPTED)
  readonly #terminated = (): void => this.stop(ExitCode.TERMINATED)
}
