/** Programs that run in processes and threads of their own, as source text; arguments: specifier, export, endpoint. */

const PROLOGUE = `
const [specifier, name, endpoint] = ARGUMENTS
const { backoff, createReactor } = await import('@pollout/core')
const backend = (await import(specifier))[name]
const reactor = createReactor({ backend: backend() })
`

/** How a program begins that runs in a process of its own. */
export const MAIN = PROLOGUE.replace('ARGUMENTS', 'process.argv.slice(1)')

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

/**
 * A network with 8 ephemeral ports, and with addresses that are told in their own ways: 10.9.0.2 answers nothing,
 * 10.9.0.3 is not found on its link, 10.8.0.0/16 is forbidden, and there is no way to any other. arp(7), ip-route(8).
 */
export const TROUBLED_NETWORK = `
ip link add v0 type veth peer name v1 && ip address add 10.9.0.1/24 dev v0 && ip link set v0 up && ip link set v1 up
ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 && ip route add prohibit 10.8.0.0/16
echo 1 > /proc/sys/net/ipv4/tcp_syn_retries && echo 1 > /proc/sys/net/ipv4/neigh/v0/mcast_solicit
echo 50 > /proc/sys/net/ipv4/neigh/v0/retrans_time_ms ${EIGHT_PORTS}`

/** Prints the outcomes in a troubled network, then what happens when its 8 ports are not enough. */
export const TROUBLED_NETWORK_PROGRAM = `${MAIN}
import { once } from 'node:events'
import net from 'node:net'
const outcomes = (targets, options) => new Promise((resolve) => {
  const all = []
  reactor.connectMany(targets, options).subscribe({ next: (o) => all.push(o), complete: () => resolve(all) })
})
const connect = (target) => new Promise((next, error) => reactor.connect(target).subscribe({ next, error }))
const troubled = outcomes(['10.9.0.2', '10.9.0.3', '10.8.0.1', '10.7.0.1'].map((host) => 'tcp://' + host + ':80'))

const server = net.createServer((socket) => socket.on('error', () => {})).listen(5_000, '127.0.0.1')
await once(server, 'listening')
const near = 'tcp://127.0.0.1:5000'
const kept = await Promise.all(Array.from({ length: 8 }, () => connect(near)))
const lacking = await connect(near).catch((error) => error)
const waiting = outcomes([near], { onConnected: 'reset' })
setTimeout(() => { for (const each of kept) each.reset() }, 50)
const kinds = [...await waiting, ...await outcomes(Array(40).fill(near), { onConnected: 'reset' })].map((o) => o.kind)
const told = Object.fromEntries((await troubled).map((o) => [o.target, [o.kind, o.code, o.timedOutBy ?? '']]))
console.log(JSON.stringify({ told, lacking: [lacking.code, lacking.phase], kinds: [...new Set(kinds)], count: kinds.length }))
server.close()
`

/** The source of a thread that runs `program`. */
const threadOf = (program: string): string => `(async () => {
const { parentPort, workerData } = require('node:worker_threads')
${PROLOGUE.replace('ARGUMENTS', 'workerData')}${program}
})()`

/** Runs `program` in a thread, and `onMessage` when that has said something. */
export const inThread = (program: string, onMessage = ''): string => `
import { Worker } from 'node:worker_threads'
const source = ${JSON.stringify(threadOf(program))}
const worker = new Worker(source, { eval: true, execArgv: [], workerData: process.argv.slice(1) })
worker.on('message', () => { ${onMessage} })
`

/** A thread with many connects in flight, that says so and then waits to be terminated. */
const WORKER_PROGRAM = threadOf(`
for (let i = 0; i < 20; i++) reactor.connect(endpoint).subscribe({ error: () => {} })
setImmediate(() => parentPort.postMessage('in flight'))`)

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
