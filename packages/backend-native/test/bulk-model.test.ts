/** Random operations on lanes: each attempt has exactly one outcome, unless it was cancelled, and nothing is left open. */
import type { Handle } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { expect, it } from 'vitest'
import {
  type AttemptSpec,
  describeLanes,
  type LaneKit,
  RecordedLane,
  until,
} from './bulk-support.js'
import { E, turn } from './support.js'

const STEPS = Number(process.env['MODEL_STEPS'] ?? 400)
const SEED = Number(process.env['MODEL_SEED'] ?? Date.now() % 2 ** 31)
const MOST_LANES = 4

/** Mulberry32: small, and the same everywhere. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** What an attempt to it may come to. */
interface Target {
  readonly to: AttemptSpec['to']
  readonly timeoutMs: number
  readonly statuses: readonly number[]
}

/** A lane, and what it owes. */
class ModelLane {
  readonly owed = new Map<number, readonly number[]>()
  readonly recorded: RecordedLane
  cancelled = false
  #nextId = 0

  constructor({ backend, bulk }: LaneKit, onConnected: 'keep' | 'close' | 'reset', limit: number) {
    this.recorded = new RecordedLane(bulk, { onConnected, limit, intervalMs: 0.01 })
    this.recorded.onBatch = (batch) => {
      expect(this.cancelled).toBe(false)
      for (const { id, status, handle } of batch) {
        expect(this.owed.get(id)).toContain(status)
        this.owed.delete(id)
        if (handle >= 0) backend.close(handle as Handle, 'reset')
      }
    }
  }

  submit(targets: readonly Target[], paced: boolean): void {
    const startAt = paced ? performance.now() : 0
    const specs = targets.map(({ to, timeoutMs, statuses }) => {
      this.owed.set(this.#nextId, statuses)
      return { id: this.#nextId++, to, timeoutMs, startAt }
    })
    this.recorded.submit(...specs)
  }
}

describeLanes(`random operations, MODEL_SEED=${SEED}`, (kit) => {
  it.each([
    ['cancelled one by one', false],
    ['destroyed', true],
  ])('%s', async (_how, destroys) => {
    const random = randomOf(SEED)
    const address = '127.0.0.1'
    const server = await kit().serve()
    const silent = await kit().silent()
    const targets: readonly Target[] = [
      { to: { address, port: server.at.port }, timeoutMs: 30_000, statuses: [0] },
      {
        to: { address, port: await unusedPort() },
        timeoutMs: 30_000,
        statuses: [-E.ECONNREFUSED],
      },
      { to: silent, timeoutMs: 20, statuses: [-E.ETIMEDOUT] },
      { to: silent, timeoutMs: 3, statuses: [-E.ETIMEDOUT] },
      { to: { address: 'fe80::1', port: 1 }, timeoutMs: 30_000, statuses: [-E.EINVAL] },
    ]
    const ways = ['keep', 'close', 'reset'] as const
    const lanes: ModelLane[] = []
    const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T
    for (let step = 0; step < STEPS; step++) {
      const lane = pick(lanes)
      switch (random(8)) {
        case 0:
          if (lanes.length < MOST_LANES)
            lanes.push(new ModelLane(kit(), pick(ways), 1 + random(60)))
          break
        case 1:
          lane?.recorded.lane.limit(1 + random(60))
          break
        case 2:
          if (lane === undefined || random(4) > 0) break
          lane.cancelled = true
          lane.recorded.lane.cancel()
          lanes.splice(lanes.indexOf(lane), 1)
          break
        case 3:
          if (lane === undefined || random(4) > 0) break
          await until(() => lane.owed.size === 0)
          lane.recorded.lane.end()
          lanes.splice(lanes.indexOf(lane), 1)
          break
        case 4:
          await turn()
          break
        default:
          lane?.submit(
            Array.from({ length: random(40) }, () => pick(targets)),
            random(3) === 0,
          )
      }
    }
    if (destroys) {
      for (const lane of lanes) lane.cancelled = true
      await kit().backend.destroy()
    } else {
      await until(() => lanes.every(({ owed }) => owed.size === 0))
      for (const { recorded } of lanes) recorded.lane.end()
    }
    await until(() => kit().backend.openHandles === 0)
  })
})
