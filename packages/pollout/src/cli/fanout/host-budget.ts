/** `--max-host-errors`: leaves a host alone that has not answered so often. */

/** Hosts whose errors are remembered: those that failed last. A long list of dead hosts is not to fill the memory. */
const MOST_HOSTS = 100_000

export class HostBudget {
  readonly #most: number
  /** In the order of their last errors. */
  readonly #errors = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /** A target of the host had no answer, and is not tried again. */
  failed(host: string): void {
    const errors = (this.#errors.get(host) ?? 0) + 1
    this.#errors.delete(host)
    this.#errors.set(host, errors)
    if (this.#errors.size <= MOST_HOSTS) return
    const [oldest] = this.#errors.keys()
    if (oldest !== undefined) this.#errors.delete(oldest)
  }

  /** The number of its errors where they are too many; else undefined. */
  exceeded(host: string): number | undefined {
    const errors = this.#errors.get(host) ?? 0
    return errors >= this.#most ? errors : undefined
  }
}
