/** Random programs against a backend, and what each of them must leave behind: nothing. */
import assert from 'node:assert/strict'
import type { BackendFactory } from '@pollout/core'
import type { Performer } from './check-programs.js'
import { activeResources, Baseline, referencedPolls } from './leaks.js'
import type { Peers } from './peers.js'
import { Run } from './run.js'

/** One in so many runs is looked at more closely, at some milliseconds' cost. */
const LIFE_EVERY = 16

/** Timers that keep the process alive. */
function countTimeouts(): number {
  return activeResources().filter((type) => type === 'Timeout').length
}

export class BackendPerformer implements Performer {
  readonly #factory: BackendFactory
  readonly #peers: Peers
  runs = 0
  executed = 0
  reports = 0
  name = ''

  constructor(factory: BackendFactory, peers: Peers) {
    this.#factory = factory
    this.#peers = peers
  }

  async run(program: Uint32Array, patienceMs: number): Promise<void> {
    const baseline = new Baseline()
    const run = new Run(this.#factory, this.#peers, program, patienceMs)
    this.name = run.backend.name
    try {
      await run.perform()
      // One half is left in the middle of things.
      if ((program[0] ?? 0) & 0x100) await run.settle()
      if (this.runs++ % LIFE_EVERY === 0) this.#checkLife(run)
      await run.end()
      const left = await baseline.leaked()
      assert.equal(left, undefined, `left behind: ${left}`)
    } catch (failure) {
      await run.end().catch(() => {})
      throw new Error(
        `${failure}\nThe last operations, socket and argument, and their results:\n${run.trace.describe(failure)}`,
        {
          cause: failure,
        },
      )
    } finally {
      this.executed += run.executed
      this.reports += run.reports
    }
  }

  /** Armed registrations, and nothing else, keep the process alive, and only while the backend is referenced. */
  #checkLife(run: Run): void {
    const { backend, armed } = run
    if (run.isDestroyed) return
    // At one moment, as timers of others come and go.
    const kept = (): number => {
      const count = backend.capabilities.kernelReadiness ? referencedPolls : countTimeouts
      backend.ref()
      const referenced = count()
      backend.unref()
      return referenced - count()
    }
    assert.equal(kept(), armed > 0 ? 1 : 0, `what keeps alive with ${armed} registrations armed`)
    run.disarmAll()
    assert.equal(kept(), 0, 'what keeps alive with nothing armed')
  }
}
