/** Random programs against a reactor, and what each of them must leave behind: nothing. */
import assert from 'node:assert/strict'
import type { BackendFactory } from '@pollout/core'
import type { Performer } from './check-programs.js'
import { Baseline } from './leaks.js'
import type { Peers } from './peers.js'
import { ReactorRun } from './reactor-run.js'

export class ReactorPerformer implements Performer {
  readonly #factory: BackendFactory
  readonly #peers: Peers
  name = ''
  runs = 0
  executed = 0
  /** Connections emitted. */
  reports = 0

  constructor(factory: BackendFactory, peers: Peers) {
    this.#factory = factory
    this.#peers = peers
  }

  async run(program: Uint32Array, patienceMs: number): Promise<void> {
    const baseline = new Baseline()
    const run = new ReactorRun(this.#factory, this.#peers, program)
    this.name = `reactor on ${run.reactor.backend}`
    this.runs++
    try {
      await run.perform()
      // One half is left in the middle of things.
      if ((program[0] ?? 0) & 0x100) await run.settle(patienceMs)
    } finally {
      this.executed += run.executed
      this.reports += run.emitted
      await run.end()
    }
    const left = await baseline.leaked()
    assert.equal(left, undefined, `left behind: ${left}`)
  }
}
