/** A backend whose calls are counted, and interrupted where a trap needs it. */
import type { Backend, BackendFactory, Handle } from '@pollout/core'

export interface Watch {
  /** Right after connect(2) has been called, and before anybody polls. */
  readonly connected?: (backend: Backend, handle: Handle) => void
  /** After the completion rule was applied; a status as `finishConnect()` returns it. */
  readonly finished?: (status: number) => void
}

/** How often each of its functions was called, by name. */
export type Calls = Readonly<Record<string, number>>

/** The same backend, watched. Only one backend is to be made of it. */
export function watched(
  factory: BackendFactory,
  { connected, finished }: Watch,
): { readonly factory: BackendFactory; readonly calls: Calls } {
  const calls: Record<string, number> = {}
  const watching: BackendFactory = (sink) => {
    const backend = factory(sink)
    return new Proxy(backend, {
      get(_, key) {
        const member: unknown = Reflect.get(backend, key)
        if (typeof member !== 'function') return member
        return (...args: readonly unknown[]) => {
          calls[String(key)] = (calls[String(key)] ?? 0) + 1
          const result: unknown = Reflect.apply(member, backend, args)
          if (key === 'connect' && connected) {
            // Node calls connect(2) in a tick of its own.
            inTicks(2, () => connected(backend, args[0] as Handle))
          }
          if (key === 'finishConnect') finished?.(result as number)
          return result
        }
      },
    })
  }
  return { factory: watching, calls }
}

function inTicks(count: number, callback: () => void): void {
  process.nextTick(() => (count === 0 ? callback() : inTicks(count - 1, callback)))
}
