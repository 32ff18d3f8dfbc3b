/** TLS sessions to be resumed, by who they were made with. RFC 8446, 2.2. */

/** Where sessions are kept; a `Map` is one that never forgets. Keys are opaque, and tell apart what must not be mixed. */
export interface TlsSessions {
  get(key: string): Buffer | undefined
  set(key: string, session: Buffer): unknown
  delete(key: string): unknown
}

/** Keeps the values that were used last. */
export class BoundedMap<V> {
  readonly #capacity: number
  readonly #entries = new Map<string, V>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(key: string): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: string, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#capacity) return
    for (const oldest of this.#entries.keys()) return void this.#entries.delete(oldest)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}

/** Sessions in memory; of more than `capacity` the one least recently used is forgotten. */
export function tlsSessionCache(capacity = 256): TlsSessions {
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new RangeError(`capacity must be a whole number from 1, not ${String(capacity)}`)
  }
  return new BoundedMap<Buffer>(capacity)
}
