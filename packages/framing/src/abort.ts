/**
 * AbortSignals: one listener for each signal, however many requests it stands for: Node warns of a leak from 11 on.
 *
 * Core has the same for its connects. Framing works on any byte stream and does not depend on core, so it has its own; core exports none.
 */
import { guarded } from './uncaught.js'

interface Watch {
  readonly callbacks: Set<() => void>
  readonly listener: () => void
}

const watches = new WeakMap<AbortSignal, Watch>()

/** Calls back once when `signal` is aborted. Returns how to stop waiting. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => {}
  const { callbacks, listener } = watches.get(signal) ?? watch(signal)
  callbacks.add(callback)
  return () => {
    if (!callbacks.delete(callback) || callbacks.size > 0) return
    signal.removeEventListener('abort', listener)
    watches.delete(signal)
  }
}

function watch(signal: AbortSignal): Watch {
  const callbacks = new Set<() => void>()
  const listener = (): void => {
    watches.delete(signal)
    for (const callback of callbacks) guarded(callback)
    callbacks.clear()
  }
  const made = { callbacks, listener }
  signal.addEventListener('abort', listener, { once: true })
  watches.set(signal, made)
  return made
}
