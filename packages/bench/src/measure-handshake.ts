/** How long handshakes take that start at once, as each of the ways to tell it has it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, type Kept, resetAll } from './api.js'
import type { HandshakeJob, HandshakeSample } from './job.js'
import { percentiles } from './statistics.js'

/** By then the warm-up's resets have left the path; as in yardstick/handshake.c. */
const PAUSE_MS = 250

/** As in yardstick/handshake.c, all stay open until the last has ended: resets are in nobody's way. */
export async function measureHandshake(api: Api, job: HandshakeJob): Promise<HandshakeSample> {
  const { addresses, warmUp, count } = job
  await api.run({ addresses, inFlight: warmUp, count: warmUp })
  await sleep(PAUSE_MS)
  const kept: Kept[] = []
  const [latencies, byHand, handshakes]: [number[], number[], number[]] = [[], [], []]
  const startedAt = performance.now()
  const run = { addresses, inFlight: count, count, kept, latencies, byHand, handshakes }
  const tally = await api.run(run)
  const elapsedMs = performance.now() - startedAt
  resetAll(kept)
  if (handshakes.some(Number.isNaN)) throw new Error('a timeline without a handshake')
  const known = (times: readonly number[]) => (times.length > 0 ? percentiles(times) : undefined)
  return {
    ...tally,
    elapsedMs,
    byHandMs: percentiles(byHand),
    latencyMs: known(latencies),
    timelineMs: known(handshakes),
  }
}
