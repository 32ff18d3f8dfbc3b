/** The memory of an open connection that does nothing. */
import type { Api, Kept } from './api.js'
import type { IdleJob, IdleSample } from './job.js'
import { settledMemory } from './memory.js'

export async function measureIdle(api: Api, job: IdleJob): Promise<IdleSample> {
  const { addresses, inFlight, warmUp, count } = job
  await api.run({ addresses, inFlight, count: warmUp })
  const before = await settledMemory()
  const kept: Kept[] = []
  const tally = await api.run({ addresses, inFlight, count, kept })
  const after = await settledMemory()
  if (kept.length !== tally.connected) throw new Error('a connection got lost')
  return {
    ...tally,
    rssBytesEach: (after.rss - before.rss) / count,
    heapBytesEach: (after.heapUsed - before.heapUsed) / count,
  }
}
