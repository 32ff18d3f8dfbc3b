/** Programs that use up all local ports for one destination. */
import type { Connection, Outcome, Reactor } from '@pollout/core'
import { withReactor } from '../inside/backends.js'
import { withListener } from '../inside/listeners.js'
import { stopwatch } from '../inside/stopwatch.js'
import { failed, type PlainOptions, type Told, tryConnect } from '../inside/told.js'
import type { BackendName } from '../rig/requirements.js'

/** How long a connection is kept before it gives its port back. */
const KEPT_MS = 30
/** A listener at any port would take one of those to be used up. */
const OUTSIDE_THE_RANGE = 5_000

/** A destination that accepts and keeps, on every address of this namespace. */
function withDestination<T>(
  backend: BackendName,
  use: (reactor: Reactor, target: string) => Promise<T>,
): Promise<T> {
  return withListener({ host: '0.0.0.0', port: OUTSIDE_THE_RANGE }, 'keep', (listener) =>
    withReactor(backend, (reactor) => use(reactor, `tcp://127.0.0.1:${listener.where.port}`)),
  )
}

export interface Exhausted {
  /** Local addresses and ports of those that connected, each with its count. */
  readonly locals: readonly string[]
  /** Why others did not. */
  readonly codes: readonly string[]
  /** One more, when all ports are taken. */
  readonly next: Told
}

/** Connects to one destination until the ports are used up, `count` times at once, and then once more. */
export function exhaust(
  backend: BackendName,
  count: number,
  options: PlainOptions,
): Promise<Exhausted> {
  return withDestination(backend, async (reactor, target) => {
    const all = await Promise.all(
      Array.from({ length: count }, () => tryConnect(reactor, target, options)),
    )
    const next = await tryConnect(reactor, target, options)
    const kept = [...all, next].flatMap(({ connection }) => connection ?? [])
    const locals = all.flatMap(({ connection }) => (connection ? localOf(connection) : []))
    for (const connection of kept) connection.reset()
    const codes = all.flatMap(({ told }) => (told.code === 'connected' ? [] : told.code))
    return { locals, codes, next: next.told }
  })
}

function localOf({ localAddress }: Connection): string {
  if (localAddress === undefined || !('port' in localAddress)) return 'none'
  return 'address' in localAddress ? `${localAddress.address}:${localAddress.port}` : 'none'
}

export interface FannedOut {
  readonly kinds: Readonly<Record<string, number>>
  /** So many were open at once, at most. */
  readonly most: number
}

/** More targets than ports, where each connection is kept for a while: all get their turn. */
export function fanOut(
  backend: BackendName,
  count: number,
  options: PlainOptions,
): Promise<FannedOut> {
  return withDestination(backend, async (reactor, target) => {
    const kinds: Record<string, number> = {}
    let open = 0
    let most = 0
    const released: Promise<void>[] = []
    const keep = (connection: Connection): Promise<void> => {
      most = Math.max(most, ++open)
      return new Promise((resolve) => {
        setTimeout(() => {
          open--
          connection.reset()
          resolve()
        }, KEPT_MS)
      })
    }
    await new Promise<void>((resolve, reject) => {
      reactor
        .connectMany(Array<string>(count).fill(target), { ...options, onConnected: 'keep' })
        .subscribe({
          next: (outcome) => {
            kinds[outcome.kind] = (kinds[outcome.kind] ?? 0) + 1
            if (outcome.kind === 'connected') released.push(keep(outcome.connection))
          },
          complete: resolve,
          error: reject,
        })
    })
    await Promise.all(released)
    return { kinds, most }
  })
}

/** The outcome of one target of `connectMany()`, as a user is told it, and how long that took. */
export function outcomeOf(
  backend: BackendName,
  target: string,
  options: PlainOptions = {},
): Promise<Told> {
  return withReactor(backend, async (reactor) => {
    const elapsed = stopwatch()
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      reactor
        .connectMany([target], { ...options, onConnected: 'reset' })
        .subscribe({ next: resolve, error: reject })
    })
    return outcome.kind === 'connected'
      ? { code: 'connected', ...elapsed() }
      : failed(outcome.error, elapsed())
  })
}
