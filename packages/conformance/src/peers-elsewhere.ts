/** Peers on a thread of their own: they go on while this one's loop is held up. */
import { once } from 'node:events'
import type { TlsOptions as ServerOptions } from 'node:tls'
import { Worker } from 'node:worker_threads'
import { blockLoop, turns } from './raw-backend.js'

/** The places of the numbers that both threads see. */
const RECEIVED = 0
const SENT = 1
const ECHOED = 2
const GONE = 3
/** What never comes ends the wait all the same, and the test tells. */
const LONGEST_BLOCK_MS = 20_000

const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const { talk, tls, counts } = workerData
const serve = (socket) => {
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  socket.on('data', (data) => {
    if (talk === 'echo') socket.write(data, () => Atomics.add(counts, 2, data.length))
  })
}
const inner = tls && require('node:tls').createServer(tls, serve).on('tlsClientError', () => {})
const server = require('node:net').createServer((socket) => {
  const count = () => {
    Atomics.store(counts, 0, socket.bytesRead)
    Atomics.store(counts, 1, socket.bytesWritten - socket.writableLength)
  }
  const timer = setInterval(count, 1)
  socket.on('close', () => { clearInterval(timer); count(); Atomics.add(counts, 3, 1) }).on('error', () => {})
  if (talk === 'reset') socket.resetAndDestroy()
  else if (talk === 'endAndReset') socket.end(() => socket.resetAndDestroy())
  else if (inner) inner.emit('connection', socket)
  else serve(socket)
})
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

export interface PeerElsewhere {
  readonly port: number
  /** Bytes on the last of its connections. */
  readonly received: number
  readonly sent: number
  /** Bytes sent back on all of its connections: inside of TLS where there is one. */
  readonly echoed: number
  /** How many of its connections are closed. */
  readonly gone: number
  /** Holds this loop up for so long, and until that is so. */
  holdUp(leastMs: number, until?: () => boolean): void
  close(): Promise<void>
}

/** `echo` sends back what it gets, `sink` only takes it; the others reset at once, or once they have ended. */
export async function peerElsewhere(
  talk: 'echo' | 'sink' | 'reset' | 'endAndReset',
  tls?: ServerOptions,
): Promise<PeerElsewhere> {
  const counts = new Int32Array(new SharedArrayBuffer(16))
  const worker = new Worker(PROGRAM, { eval: true, workerData: { talk, tls, counts } })
  const [port] = (await once(worker, 'message')) as [number]
  return {
    port,
    get received() {
      return Atomics.load(counts, RECEIVED)
    },
    get sent() {
      return Atomics.load(counts, SENT)
    },
    get echoed() {
      return Atomics.load(counts, ECHOED)
    },
    get gone() {
      return Atomics.load(counts, GONE)
    },
    holdUp(leastMs, until = () => true) {
      blockLoop(leastMs)
      for (let ms = 0; !until() && ms < LONGEST_BLOCK_MS; ms += 5) blockLoop(5)
    },
    async close() {
      await worker.terminate()
      await turns()
    },
  }
}
