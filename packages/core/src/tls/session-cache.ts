/** TLS sessions to be resumed, by who they were made with. RFC 8446, 2.2. */
import { shown } from '../base/options.js'

/**
 * Where sessions are kept; a `Map` is one that never forgets. Keys are opaque, and tell apart what must not be mixed.
 *
 * @example
 * ```ts
 * import { createReactor, type TlsSessions } from 'pollout'
 *
 * const sessions: TlsSessions = new Map<string, Buffer>()
 * createReactor().connect('tls://example.net:443', { tls: { sessions } })
 * ```
 */
export interface TlsSessions {
  /** The session kept for that key, at once; undefined for none. What it throws fails the connect. */
  get(key: string): Buffer | undefined
  /** Keeps a session, in place of one of the same key. Nobody waits for what it returns. */
  set(key: string, session: Buffer): unknown
  /** Forgets one. */
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

/**
 * Sessions in memory; of more than `capacity` the one least recently used is forgotten.
 *
 * @example
 * ```ts
 * import { createReactor, tlsSessionCache } from 'pollout'
 *
 * const sessions = tlsSessionCache(10_000) // one for several reactors
 * createReactor().connect('tls://example.net:443', { tls: { sessions } })
 * ```
 */
export function tlsSessionCache(capacity = 256): TlsSessions {
  if (!Number.isInteger(capacity) || capacity < 1) {
    throw new RangeError(`capacity must be a whole number from 1, not ${shown(capacity)}`)
  }
  return new BoundedMap<Buffer>(capacity)
}
