/** Where targets come from, one at a time and only when asked: iterables, async iterables, observables. */
import type { Subscribable } from 'rxjs'
import { Fifo } from '../base/fifo.js'
import { guarded, reportUncaught } from '../base/uncaught.js'

/**
 * Targets for `connectMany()`. An iterable or async iterable is pulled, so it may be endless and needs no memory.
 * An observable pushes: what it emits before its turn is kept in memory, without bound.
 *
 * @example
 * ```ts
 * import { createReactor, type TargetSource } from 'pollout'
 *
 * function* network(): Generator<string> {
 *   for (let host = 1; host < 255; host++) yield `tcp://192.0.2.${host}:22`
 * }
 * const targets: TargetSource<string> = network()
 * createReactor().connectMany(targets).subscribe(console.log)
 * ```
 */
export type TargetSource<T> = Iterable<T> | AsyncIterable<T> | Subscribable<T>

export type Pulled<T> =
  | { readonly done: false; readonly value: T }
  | { readonly done: true }
  | undefined

/** Where to say that `pull()` is worth calling again. */
export interface SourceListener {
  available(): void
  /** The source failed; what it gave before is still good. */
  failed(error: unknown): void
}

export interface Puller<T> {
  /** The next target, the end, or undefined: not yet, the listener will be told. May throw what the source throws. */
  pull(): Pulled<T>
  /** Wants nothing more; the source may clean up. May throw what it throws then. */
  cancel(): void
}

export function openSource<T>(source: TargetSource<T>, listener: SourceListener): Puller<T> {
  if (isIterable<T>(source)) return pullIterable(source)
  if (isAsyncIterable<T>(source)) return pullAsyncIterable(source, listener)
  return collectObservable(source, listener)
}

/** Throws where `source` is none: a mistake of the caller. A string is iterable, and never meant as one. */
export function checkSource(source: unknown): void {
  const isObject = typeof source === 'object' && source !== null
  if (isObject && (isIterable(source) || isAsyncIterable(source) || isSubscribable(source))) return
  throw new TypeError(
    'targets must be an iterable, an async iterable or an observable of endpoints or their URIs',
  )
}

function isIterable<T>(source: object): source is Iterable<T> {
  return typeof (source as Partial<Iterable<never>>)[Symbol.iterator] === 'function'
}

function isAsyncIterable<T>(source: object): source is AsyncIterable<T> {
  return typeof (source as Partial<AsyncIterable<never>>)[Symbol.asyncIterator] === 'function'
}

function isSubscribable(source: object): source is Subscribable<never> {
  return typeof (source as Partial<Subscribable<never>>).subscribe === 'function'
}

function pullIterable<T>(source: Iterable<T>): Puller<T> {
  const iterator = source[Symbol.iterator]()
  let pulling = false
  let cancelled = false
  return {
    pull() {
      pulling = true
      try {
        const result = iterator.next()
        if (cancelled && !result.done) guarded(() => iterator.return?.())
        return result.done ? { done: true } : { done: false, value: result.value }
      } finally {
        pulling = false
      }
    },
    cancel() {
      cancelled = true
      // A generator that cancels while it runs can't be returned from before it yields.
      if (!pulling) iterator.return?.()
    },
  }
}

function pullAsyncIterable<T>(source: AsyncIterable<T>, listener: SourceListener): Puller<T> {
  const iterator = source[Symbol.asyncIterator]()
  let asking = false
  let answer: Pulled<T>
  let cancelled = false
  return {
    pull() {
      const pulled = answer
      if (pulled) {
        if (!pulled.done) answer = undefined
        return pulled
      }
      if (asking) return undefined
      asking = true
      // Asynchronous, so that an iterator which throws, or gives no promise, fails as one that rejects.
      const next = async (): Promise<Pulled<T>> => {
        const result = await iterator.next()
        return result.done ? { done: true } : { done: false, value: result.value }
      }
      next().then(
        (pulled) => {
          asking = false
          answer = pulled
          if (!cancelled) listener.available()
        },
        (error: unknown) => {
          answer = { done: true }
          if (!cancelled) listener.failed(error)
        },
      )
      return undefined
    },
    cancel() {
      cancelled = true
      // A generator that waits in its own code ends when that is over; nobody waits for it here.
      Promise.resolve(iterator.return?.()).then(undefined, reportUncaught)
    },
  }
}

function collectObservable<T>(source: Subscribable<T>, listener: SourceListener): Puller<T> {
  const waiting = new Fifo<T>()
  let ended = false
  const subscription = source.subscribe({
    next(value) {
      waiting.push(value)
      listener.available()
    },
    complete() {
      ended = true
      listener.available()
    },
    error(error: unknown) {
      ended = true
      listener.failed(error)
    },
  })
  return {
    pull() {
      if (waiting.size > 0) return { done: false, value: waiting.take() }
      return ended ? { done: true } : undefined
    },
    cancel: () => subscription.unsubscribe(),
  }
}
