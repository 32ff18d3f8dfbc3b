/** A list that no memory would hold: how memory grows with it, and whether it is as fast as a short one. */
import type { Api } from './api.js'
import type { Address, LongListJob, LongListSample, Tally } from './job.js'
import { settledMemory } from './memory.js'
import { summarize } from './statistics.js'
import { pick, totalOf } from './tally.js'

const LOOK_EVERY_MS = 100

export async function measureLongList(api: Api, job: LongListJob): Promise<LongListSample> {
  const addressOf = (index: number) => addressIn(job, index)
  const { inFlight, shortCount, shortRuns, count } = job
  const run = async (count: number): Promise<Tally & { elapsedMs: number; perSecond: number }> => {
    const startedAt = performance.now()
    const tally = await api.runList({ addressOf, count, inFlight })
    const elapsedMs = performance.now() - startedAt
    return { ...tally, elapsedMs, perSecond: (totalOf(tally) / elapsedMs) * 1_000 }
  }
  const shortRates: number[] = []
  const runShort = async () => {
    for (let i = 0; i < shortRuns; i++) shortRates.push((await run(shortCount)).perSecond)
  }
  await run(shortCount)
  await runShort()

  const { rss: before } = await settledMemory()
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, LOOK_EVERY_MS)
  const long = await run(count)
  clearInterval(timer)
  await runShort()
  return {
    ...long,
    shortPerSecond: summarize(shortRates)?.median ?? Number.NaN,
    rssGrowthBytes: peak - before,
    rssPeakBytes: peak,
  }
}

/** Every one of its own: the addresses of 127/8 in turn, from 127.1.0.0 on. */
function addressIn(job: LongListJob, index: number): Address {
  if (index % job.acceptedEvery === 0) return pick(job.accepting, index / job.acceptedEvery)
  const low = `${(index >> 8) & 255}.${index & 255}`
  return { host: `127.${1 + ((index >> 16) % 254)}.${low}`, port: job.closedPort }
}
