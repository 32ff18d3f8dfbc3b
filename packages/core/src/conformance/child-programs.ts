/** Programs that run in processes and threads of their own, as source text; arguments: specifier, export, endpoint. */

const PROLOGUE = `
const [specifier, name, endpoint] = ARGUMENTS
const { createReactor } = await import('@pollout/core')
const backend = (await import(specifier))[name]
const reactor = createReactor({ backend: backend() })
`

const MAIN = PROLOGUE.replace('ARGUMENTS', 'process.argv.slice(1)')

interface Lifetime {
  readonly peer: 'echo' | 'silent'
  readonly program: string
  readonly prints: readonly string[]
  readonly capability?: 'kernelReadiness'
}

/** How a program ends by itself, and what it prints. */
export const LIFETIMES: Readonly<Record<string, Lifetime>> = {
  'with a reactor that never did anything': { peer: 'echo', program: '', prints: [] },
  'when its connection has been closed': {
    peer: 'echo',
    program: `reactor.connect(endpoint).subscribe(async (c) => { await c.close(); console.log('closed') })`,
    prints: ['closed'],
  },
  'with an open connection that nobody reads': {
    peer: 'echo',
    program: `reactor.connect(endpoint).subscribe((c) => { globalThis.kept = c; console.log('open') })`,
    prints: ['open'],
  },
  'with a connection whose reader has left': {
    peer: 'echo',
    program: `reactor.connect(endpoint).subscribe((c) => {
      c.received.subscribe().unsubscribe(); console.log('left') })`,
    prints: ['left'],
  },
  'not before the deadline of what is in flight': {
    peer: 'silent',
    program: `reactor.connect(endpoint, { timeoutMs: 100 }).subscribe({ error: (e) => console.log(e.code) })`,
    prints: ['ETIMEDOUT'],
  },
  'not before the last outcome of a fan-out': {
    peer: 'silent',
    program: `
      reactor.connectMany([endpoint, endpoint], { timeoutMs: 60, concurrency: 1 })
        .subscribe({ next: (o) => console.log(o.kind), complete: () => console.log('complete') })`,
    prints: ['timed-out', 'timed-out', 'complete'],
  },
  'not before the data that a reader waits for': {
    peer: 'echo',
    program: `
      reactor.connect(endpoint).subscribe((c) => {
        c.received.subscribe((chunk) => { console.log(String(chunk)); void c.close() })
        setTimeout(() => void c.send('late'), 50).unref()
      })`,
    prints: ['late'],
  },
  'at once with an unreferenced reactor': {
    peer: 'silent',
    // libuv knows no unref() of a request, so `node:net` can't let go of a connect in flight.
    capability: 'kernelReadiness',
    program: `reactor.unref().connect(endpoint).subscribe({ error: () => console.log('no') })`,
    prints: [],
  },
  'at once when it unsubscribes': {
    peer: 'silent',
    program: `const s = reactor.connect(endpoint).subscribe(); setTimeout(() => s.unsubscribe(), 10)`,
    prints: [],
  },
  'at once when it destroys the reactor': {
    peer: 'silent',
    program: `
      reactor.connect(endpoint).subscribe({ error: (e) => console.log(e.code) })
      setTimeout(() => reactor.destroy(), 10)`,
    prints: ['ERR_REACTOR_DESTROYED'],
  },
  'at once by process.exit() with connects in flight': {
    peer: 'silent',
    program: `
      for (let i = 0; i < 50; i++) reactor.connect(endpoint).subscribe()
      setTimeout(() => process.exit(), 10)`,
    prints: [],
  },
}

export const lifetimeProgram = (program: string): string => `${MAIN}${program}`

/** A handler that throws: its error is uncaught, and every other one in the batch gets its own. */
export const THROWING_PROGRAM = `${MAIN}
const errors = []
process.on('uncaughtException', (error) => errors.push(error.message))
let emitted = 0
for (let i = 0; i < 20; i++) {
  reactor.connect(endpoint).subscribe((connection) => {
    emitted++
    connection.reset()
    if (i % 5 === 0) throw new Error('thrown by ' + i)
  })
}
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
process.on('exit', () => console.log(JSON.stringify({ emitted, errors, inFlight: reactor.stats().inFlight })))
`

/**
 * Connects to closed ports of a range of 8 ephemeral ones, where a socket is bound to meet itself now and then; for a
 * network namespace of its own. Prints how often a plain socket did, and the outcomes here.
 */
export const SELF_CONNECT_PROGRAM = `${MAIN}
import net from 'node:net'
const TRIES = 60
const port = (i) => 40_000 + 2 * (i % 4)
let plain = 0
for (let i = 0; i < TRIES; i++) {
  await new Promise((resolve) => {
    const socket = net.connect(port(i), '127.0.0.1')
    socket.on('connect', () => { plain++; socket.resetAndDestroy() }).on('error', () => {}).on('close', resolve)
  })
}
const codes = {}
for (let i = 0; i < TRIES; i++) {
  await new Promise((resolve) => {
    const note = (code) => { codes[code] = (codes[code] ?? 0) + 1; resolve() }
    reactor.connect('tcp://127.0.0.1:' + port(i)).subscribe({
      next: (connection) => { connection.reset(); note('connected') }, error: (error) => note(error.code) })
  })
}
console.log(JSON.stringify({ plain, codes, open: reactor.stats().open }))
`

/** Gives a program a network of its own with 8 ephemeral ports; says so where the machine does not allow that. */
export const EIGHT_PORTS = `
ip link set lo up && echo '40000 40007' > /proc/sys/net/ipv4/ip_local_port_range && exec "$0" "$@"`

/** A thread with many connects in flight, that says so and then waits to be terminated. */
const WORKER_PROGRAM = `(async () => {
const { parentPort, workerData } = require('node:worker_threads')
${PROLOGUE.replace('ARGUMENTS', 'workerData')}
for (let i = 0; i < 20; i++) reactor.connect(endpoint).subscribe({ error: () => {} })
setImmediate(() => parentPort.postMessage('in flight'))
})()`

/** Starts and terminates so many threads; prints the descriptors before and after. */
export const workersProgram = (count: number): string => `
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
const source = ${JSON.stringify(WORKER_PROGRAM)}
const descriptors = () => { try { return readdirSync('/proc/self/fd').length } catch { return 0 } }
async function one() {
  const worker = new Worker(source, { eval: true, execArgv: [], workerData: process.argv.slice(1) })
  await once(worker, 'message')
  return worker.terminate()
}
// The first two open what Node keeps: a thread pool, and the like.
await Promise.all([one(), one()])
const before = descriptors()
for (let i = 0; i < ${count}; i += 2) await Promise.all([one(), one()])
console.log(JSON.stringify({ before, after: descriptors() }))
`
