/** A transfer's job in a contestant's process: opens the connections, has them carry, counts for a while. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Api, connectionOf, type Kept, resetAll } from './api.js'
import type { TransferJob, TransferSample } from './job.js'
import { threadCpuMs } from './thread-cpu.js'
import { carry, type Traffic } from './traffic.js'

const BYTES_PER_MEGABYTE = 1e6

export async function measureTransfer(api: Api, job: TransferJob): Promise<TransferSample> {
  const { addresses, connections, mode } = job
  const kept: Kept[] = []
  const tally = await api.run({ addresses, inFlight: connections, count: connections, kept })
  // Written to: memory that never was is one page of zeros to the kernel, and quicker to read.
  const data = Buffer.alloc(job.bytes, 1)
  const broken = (error: unknown): never => {
    throw error
  }
  const traffic: Traffic = { mode, data, bytes: 0, stopped: false, broken }
  for (const connection of kept.map(connectionOf)) carry(connection, traffic)

  await sleep(job.warmUpMs)
  const cpuBefore = threadCpuMs()
  const startedAt = performance.now()
  const bytesBefore = traffic.bytes
  // A short run that others leave no time to goes on until there is something to tell.
  do await sleep(job.durationMs)
  while (traffic.bytes === bytesBefore)
  const elapsedMs = performance.now() - startedAt
  const bytes = traffic.bytes - bytesBefore
  const cpuAfter = threadCpuMs()

  traffic.stopped = true
  resetAll(kept)
  const work = bytes / (mode === 'pingpong' ? job.bytes : BYTES_PER_MEGABYTE)
  if (cpuBefore === undefined || cpuAfter === undefined) return { ...tally, elapsedMs, work }
  return { ...tally, elapsedMs, cpuMs: cpuAfter - cpuBefore, work }
}
