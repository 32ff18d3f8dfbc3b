/** How many connects a second; in Node, and in the runtimes that it is compared with. */
import type { Run } from './api.js'
import type { RateJob, RateSample, Tally } from './job.js'
import { settledThreadCpuMs } from './thread-cpu.js'

const FEWEST_CONNECTS = 500

/** The warm-up also tells how many connects fill the time. */
export async function measureRate(
  run: (run: Run) => Promise<Tally>,
  { addresses, inFlight, warmUp, durationMs, mostConnects }: RateJob,
): Promise<RateSample> {
  await run({ addresses, inFlight, count: Math.ceil(warmUp / 2) })
  const begun = performance.now()
  await run({ addresses, inFlight, count: Math.ceil(warmUp / 2) })
  const rate = warmUp / 2 / (performance.now() - begun)
  const count = Math.min(Math.max(Math.round(rate * durationMs), FEWEST_CONNECTS), mostConnects)

  const cpuBefore = await settledThreadCpuMs()
  const processCpuBefore = processCpuMs()
  const startedAt = performance.now()
  const tally = await run({ addresses, inFlight, count })
  const elapsedMs = performance.now() - startedAt
  const processCpu = processCpuMs() - processCpuBefore
  const cpuAfter = await settledThreadCpuMs()
  const cpuMs = cpuBefore === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpuBefore
  return { ...tally, elapsedMs, cpuMs, processCpuMs: processCpu }
}

function processCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
