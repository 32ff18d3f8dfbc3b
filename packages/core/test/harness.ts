/** A reactor on a scripted backend and a clock by hand, looked over at the end of each test. */
import {
  type ManualClock,
  manualClock,
  type Script,
  type ScriptOptions,
  scriptedBackend,
  withBulkLane,
} from '@pollout/testing'
import type { Observable, Subscription } from 'rxjs'
import { expect, onTestFinished, vi } from 'vitest'
import type { Connection } from '../src/connection/connection.js'
import { createReactor, type Reactor, type ReactorOptions } from '../src/reactor.js'

export interface Stage {
  readonly script: Script
  readonly clock: ManualClock
  readonly reactor: Reactor
}

export interface StageOptions extends ScriptOptions, Partial<ReactorOptions> {
  /** Whether fan-outs have a bulk lane. Default false. */
  readonly bulk?: boolean
}

export function stage(options: StageOptions = {}): Stage {
  const clock = manualClock()
  const script = scriptedBackend({ clock, ...options })
  const backend = options.bulk ? withBulkLane(script.factory, { clock }) : script.factory
  const { policy, resolver } = options
  const reactor = createReactor({ clock: options.clock ?? clock, policy, resolver, backend })
  onTestFinished(async () => {
    await reactor.destroy()
    clock.settle()
    expect(script.violations).toEqual([])
    expect(script.open).toEqual([])
    expect(clock.pendingTimers).toBe(0)
    const { inFlight, open, registrations, deadlines, queued } = reactor.stats()
    expect([inFlight, open, registrations, deadlines, queued]).toEqual([0, 0, 0, 0, 0])
  })
  return { script, clock, reactor }
}

/** For `describe.each`: the same tests by either lane of a fan-out. */
export const LANES = [
  ['by the socket lane', false],
  ['by the bulk lane', true],
] as const

/** Everything that an observable has said so far, in one list: values, then 'complete' or the error. */
export class Recording<T> {
  readonly values: T[] = []
  ended: unknown
  readonly subscription: Subscription

  /** Fails where anything is emitted inside subscribe(). */
  constructor(source: Observable<T>) {
    let subscribing = true
    const later = (): void => {
      if (subscribing) throw new Error('emitted inside subscribe()')
    }
    this.subscription = source.subscribe({
      next: (value) => {
        later()
        this.values.push(value)
      },
      complete: () => {
        later()
        this.ended = 'complete'
      },
      error: (error) => {
        later()
        this.ended = error
      },
    })
    subscribing = false
  }

  /** The code of the error that ended it, or how else it stands. */
  get outcome(): string {
    if (this.ended === undefined) return 'open'
    return this.ended === 'complete' ? 'complete' : (this.ended as { code: string }).code
  }
}

export function record<T>(source: Observable<T>): Recording<T> {
  return new Recording(source)
}

/** A stage with one connection on it, which is reset when the test ends. */
export async function connected(): Promise<
  Stage & { connection: Connection; socket: Script['sockets'][number] }
> {
  const set = stage()
  const connecting = record(set.reactor.connect('tcp://192.0.2.1:80'))
  set.script.deliverAll(set.script.sockets)
  const [connection] = connecting.values
  const [socket] = set.script.sockets
  if (!connection || !socket) throw new Error('not connected')
  onTestFinished(() => connection.reset())
  return { ...set, connection, socket }
}

/** How a promise stands: 'pending', 'done', or the code of its error. */
export function watch(promise: Promise<unknown>): { state: string } {
  const watched = { state: 'pending' }
  promise.then(
    () => {
      watched.state = 'done'
    },
    (error: { code: string }) => {
      watched.state = error.code
    },
  )
  return watched
}

/** What is thrown by process.nextTick() until the test ends: there errors of other people's callbacks go. */
export function uncaughtErrors(): unknown[] {
  const errors: unknown[] = []
  const { nextTick } = process
  const spy = vi.spyOn(process, 'nextTick').mockImplementation((callback, ...args) => {
    const caught = (): void => {
      try {
        callback(...args)
      } catch (error) {
        errors.push(error)
      }
    }
    nextTick(caught)
  })
  onTestFinished(() => spy.mockRestore())
  return errors
}

/** Lets promises that can settle do so. */
export async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}
