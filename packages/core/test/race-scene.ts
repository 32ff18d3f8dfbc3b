/** A scene for races: what each address does and when, and what a connect to a name makes of it, on virtual time. */
import {
  type AttemptRecord,
  type ConnectOptions,
  errno,
  type Resolver,
  type Timer,
} from '@pollout/core'
import { onTestFinished } from 'vitest'
import { microtasks, type Recording, record, type Stage, stage } from './harness.js'

type ErrnoName = keyof typeof errno

/**
 * What an address does: never answers, connects or refuses (with any errno) after so many milliseconds, or fails inside
 * of connect(2).
 */
export type Conduct =
  | 'silent'
  | readonly ['connects', afterMs: number]
  | readonly [ErrnoName, afterMs: number]
  | ErrnoName

export interface Scene extends Stage {
  /** `address @ms`, as connect(2) was called. */
  readonly starts: string[]
  /** What `onAttempt` was told: `address result`. */
  readonly told: string[]
  connect(options?: ConnectOptions): Recording<unknown>
  /** Calls back on the scene's clock, unless the test is over by then. */
  after(ms: number, callback: () => void): void
  /** Passes the time in steps of a millisecond, so that promises settle between them. */
  pass(ms: number): Promise<void>
}

/** Addresses by name; those not named are silent. */
export function scene(resolver: Resolver, conducts: Readonly<Record<string, Conduct>>): Scene {
  const set = stage({ resolver })
  const { script, clock, reactor } = set
  const starts: string[] = []
  const told: string[] = []
  const timers: Timer[] = []
  const after = (ms: number, callback: () => void): void => {
    timers.push(clock.setTimer(ms, callback))
  }
  onTestFinished(() => {
    for (const timer of timers) timer.cancel()
  })
  script.answers.connect = (socket, to) => {
    const address = 'address' in to ? to.address : '?'
    starts.push(`${address} @${clock.now()}`)
    const conduct = conducts[address] ?? 'silent'
    if (conduct === 'silent') return -errno.EINPROGRESS
    if (typeof conduct === 'string') return -errno[conduct]
    const [what, afterMs] = conduct
    socket.answers.finishConnect = what === 'connects' ? 0 : -errno[what]
    after(afterMs, () => {
      if (socket.closed === undefined) script.deliverAll([socket])
    })
    return -errno.EINPROGRESS
  }
  const onAttempt = ({ address, result }: AttemptRecord): void => {
    told.push(`${'address' in address ? address.address : '?'} ${result}`)
  }
  return {
    ...set,
    starts,
    told,
    after,
    connect: (options) => record(reactor.connect('tcp://peer.test:80', { onAttempt, ...options })),
    async pass(ms) {
      clock.settle()
      await microtasks()
      clock.settle()
      for (let passed = 0; passed < ms; passed++) {
        clock.advance(1)
        await microtasks()
        clock.settle()
      }
    },
  }
}

/** All at once, in this order. */
export function whole(...addresses: string[]): Resolver {
  return { resolve: async () => addresses }
}

type Answer = readonly [afterMs: number, answer: readonly string[] | Error]

/** By families, each after its own time on the clock that `scene()` has; set before the connect. */
export class SlowResolver implements Resolver {
  /** Runs a callback so many milliseconds later. */
  after: (ms: number, callback: () => void) => void = () => {}
  readonly #answers: Readonly<Record<'inet' | 'inet6', Answer>>

  constructor(inet6: Answer, inet: Answer) {
    this.#answers = { inet6, inet }
  }

  async resolve(): Promise<never> {
    throw new Error('it has resolveFamily()')
  }

  resolveFamily(_host: string, family: 'inet' | 'inet6'): Promise<readonly string[]> {
    const [afterMs, answer] = this.#answers[family]
    return new Promise((resolve, reject) => {
      this.after(afterMs, () => (answer instanceof Error ? reject(answer) : resolve(answer)))
    })
  }
}

/** A scene with a resolver that is slow on its clock. */
export function slowScene(resolver: SlowResolver, conducts: Readonly<Record<string, Conduct>>) {
  const made = scene(resolver, conducts)
  resolver.after = made.after
  return made
}
