/** Which request a response belongs to: by order, or by id. */
import { type RequestEntry, RequestQueue } from './request-entry.js'
import type { RequestChannelOptions } from './request-options.js'

export interface Pairing<Q, R> {
  /** Requests that take up room. */
  readonly size: number
  /** A response that belongs to no request is no sign that all is lost. */
  readonly toleratesStrangers: boolean
  /** Called in the order of sending; false where the request can't be told from another. */
  add(entry: RequestEntry<Q, R>): boolean
  /** It was not sent after all; harmless where its response was found nevertheless. Only for the one that was added last. */
  takeBack(entry: RequestEntry<Q, R>): void
  /** Nobody waits for its response any more; called while it is `sent`. */
  abandon(entry: RequestEntry<Q, R>): void
  /** Takes the request that this is the response to, which may be an abandoned one; undefined for none. */
  find(response: R): RequestEntry<Q, R> | 'push' | undefined
  /** Takes all. */
  clear(): RequestEntry<Q, R>[]
}

export function pairByOrder<Q, R>(): Pairing<Q, R> {
  const sent = new RequestQueue<Q, R>()
  return {
    get size() {
      return sent.size
    },
    toleratesStrangers: false,
    add(entry) {
      sent.push(entry)
      return true
    },
    takeBack: () => sent.takeBack(),
    // It stays in its place, as its response is still due in that place.
    abandon: () => {},
    find: () => sent.take(),
    clear: () => sent.takeAll(),
  }
}

type Ids<Q, R> = NonNullable<RequestChannelOptions<Q, R>['match']>

/** Remembers at most `memory` requests that were given up, so that late responses are not taken for those of others. */
export function pairById<Q, R>(ids: Ids<Q, R>, memory: number): Pairing<Q, R> {
  const sent = new Map<unknown, RequestEntry<Q, R>>()
  const abandoned = new Map<unknown, RequestEntry<Q, R>>()
  return {
    get size() {
      return sent.size
    },
    toleratesStrangers: true,
    add(entry) {
      entry.id = ids.requestId(entry.request)
      if (entry.id === undefined) throw new TypeError('requestId() gave no id')
      if (sent.has(entry.id) || abandoned.has(entry.id)) return false
      sent.set(entry.id, entry)
      return true
    },
    takeBack(entry) {
      for (const map of [sent, abandoned]) if (map.get(entry.id) === entry) map.delete(entry.id)
    },
    abandon(entry) {
      sent.delete(entry.id)
      abandoned.set(entry.id, entry)
      if (abandoned.size <= memory) return
      // A Map keeps the order of insertion: this is the oldest.
      for (const id of abandoned.keys()) return void abandoned.delete(id)
    },
    find(response) {
      const id = ids.responseId(response)
      if (id === undefined) return 'push'
      const entry = sent.get(id) ?? abandoned.get(id)
      sent.delete(id)
      abandoned.delete(id)
      return entry
    },
    clear() {
      const left = [...sent.values()]
      sent.clear()
      abandoned.clear()
      return left
    },
  }
}
