/** Runs connect.mjs in two threads, or in two processes of a cluster; exits as they did. */
import cluster from 'node:cluster'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

if (cluster.isWorker) {
  await import('./connect.mjs')
  process.disconnect()
} else {
  const start = {
    cluster: () => cluster.fork(),
    worker: () => new Worker(new URL('connect.mjs', import.meta.url)),
  }[process.argv[2]]
  const exits = await Promise.all([start(), start()].map((one) => once(one, 'exit')))
  process.exitCode = exits.some(([code]) => code !== 0) ? 1 : 0
}
