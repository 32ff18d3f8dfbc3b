/** How long it takes to be rid of very many connects that nobody answers. */
import { readdirSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './api.js'
import type { CancelJob, CancelSample } from './job.js'
import { newTally } from './tally.js'

/** As in yardstick/cancel.c. */
const PAUSE_MS = 100
const LOOK_EVERY_MS = 1
/** What is not free by then never will be. */
const LONGEST_MS = 20_000

export async function measureCancel(api: Api, job: CancelJob): Promise<CancelSample> {
  // A thread or a poller that is made with the first connect keeps its own descriptors.
  await api.run({ addresses: job.closed, inFlight: job.warmUp, count: job.warmUp })
  await sleep(PAUSE_MS)
  const before = openDescriptors()
  const cancel = api.hang(job.addresses, job.count)
  await until(() => openDescriptors() >= before + job.count)
  await sleep(PAUSE_MS)

  const startedAt = performance.now()
  cancel()
  const callMs = performance.now() - startedAt
  await until(() => openDescriptors() <= before)
  const freeMs = performance.now() - startedAt
  return { ...newTally(), inFlight: job.count, callMs, freeMs }
}

async function until(isSo: () => boolean): Promise<void> {
  const startedAt = performance.now()
  while (!isSo()) {
    if (performance.now() - startedAt > LONGEST_MS)
      throw new Error(`${openDescriptors()} descriptors are open, and stay so`)
    await sleep(LOOK_EVERY_MS)
  }
}

/** The size of the directory since Linux 6.2, proc_pid_fd(5); before that it is 0, and has to be read. */
function openDescriptors(): number {
  return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length
}
