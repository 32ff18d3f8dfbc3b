/** Workers that end in each way there is, with connects and a fan-out in flight: what they leave behind, as JSON. */
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { createReactor } from 'pollout'

const WAYS = ['is terminated', 'exits', 'destroys and exits', 'destroys and ends']
const TIMES = 4
/** Deno says that a Worker has ended before its thread has. */
const PATIENCE_MS = 20_000

if (isMainThread) {
  await watch()
} else {
  await work(workerData)
}

async function watch() {
  // Who does not read is not told that a peer has gone: Deno would keep its socket.
  const server = createServer((peer) => peer.on('error', () => {}).resume()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const refused = createServer().listen(0, '127.0.0.1')
  await once(refused, 'listening')
  const { port } = refused.address()
  refused.close()
  const run = (way) =>
    end(
      new Worker(fileURLToPath(import.meta.url), {
        workerData: { way, refused: port, port: server.address().port },
      }),
      way,
    )
  // The first ones make what a runtime keeps.
  for (const way of WAYS) await run(way)
  await settled(() => threads().length === 0)
  const before = descriptors()
  const left = {}
  for (const way of WAYS) {
    for (let i = 0; i < TIMES; i++) await run(way)
    // By each of them: a runtime opens files of its own when it gets to it, a database for its cache, say.
    const leftByEach = () => Math.floor(Math.max(0, descriptors() - before) / TIMES)
    await settled(() => threads().length === 0 && leftByEach() === 0)
    left[way] = { threads: threads().length, descriptors: leftByEach() }
  }
  console.log(JSON.stringify(left))
  process.exit()
}

async function end(worker, way) {
  const ended = once(worker, 'exit')
  await once(worker, 'message')
  if (way === 'is terminated') await worker.terminate()
  await ended
}

async function work({ way, refused, port }) {
  const reactor = createReactor()
  const ignore = { error: () => {} }
  const targets = Array.from({ length: 2000 }, () => `tcp://127.0.0.1:${refused}`)
  reactor.connectMany(targets, { concurrency: 100 }).subscribe(ignore)
  for (let i = 0; i < 10; i++) reactor.connect(`tcp://127.0.0.1:${port}`).subscribe(ignore)
  const alive = setInterval(() => {}, 1000)
  await sleep(5)
  const destroyed = way.startsWith('destroys') && reactor.destroy()
  parentPort.postMessage(reactor.backend)
  if (way.endsWith('exits')) process.exit()
  if (way === 'is terminated') return
  await destroyed
  clearInterval(alive)
}

async function settled(isSo) {
  for (let waited = 0; !isSo() && waited < PATIENCE_MS; waited += 50) await sleep(50)
}

function threads() {
  const names = readdirSync('/proc/self/task').map((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8')
    } catch {
      return ''
    }
  })
  return names.filter((name) => name.startsWith('pollout'))
}

/**
 * Less the kinds of which a Worker of Deno leaves two of its own, where it exits or has let go of a thread-safe function. What
 * is ours of them goes with our thread.
 */
function descriptors() {
  const kinds = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return kinds.filter((kind) => !/\[event(fd|poll)\]/.test(kind)).length
}
