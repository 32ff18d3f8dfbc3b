/** A reactor on a scripted backend and a clock by hand, looked over at the end of each test. */
import {
  type ManualClock,
  manualClock,
  type Script,
  type ScriptOptions,
  scriptedBackend,
} from '@pollout/core/testing'
import type { Observable, Subscription } from 'rxjs'
import { expect, onTestFinished } from 'vitest'
import { createReactor, type Reactor, type ReactorOptions } from '../src/reactor.js'

export interface Stage {
  readonly script: Script
  readonly clock: ManualClock
  readonly reactor: Reactor
}

export function stage(options: ScriptOptions & Partial<ReactorOptions> = {}): Stage {
  const script = scriptedBackend(options)
  const clock = manualClock()
  const reactor = createReactor({ clock, ...options, backend: script.factory })
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

/** Lets promises that can settle do so. */
export async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** Numbers from 0 to 1 that are the same in every run: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
