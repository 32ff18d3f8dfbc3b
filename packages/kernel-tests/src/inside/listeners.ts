/** Listeners in threads of their own, so that they do their part while the agent's loop stands still. */
import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

/** What becomes of a connection once it is accepted; `none`: nothing is accepted until `admit()`. */
export type Behaviour = 'none' | 'keep' | 'end' | 'reset' | 'endThenReset'

export interface Where {
  readonly host?: string
  readonly port?: number
  readonly path?: string
}

/** Of a listener with a backlog of 1, the kernel holds two connections that nobody has accepted: listen(2). */
const BACKLOG = 1
const HELD = 2

const PROGRAM = `
const { createServer } = require('node:net')
const { parentPort, workerData: { where, backlog, behaviour, done, gate } } = require('node:worker_threads')
const finished = new Int32Array(done)
const kept = []
const server = createServer((socket) => {
  socket.on('error', () => {})
  const count = () => { Atomics.add(finished, 0, 1); Atomics.notify(finished, 0) }
  if (behaviour === 'reset') { socket.on('close', count); socket.resetAndDestroy() }
  else if (behaviour === 'endThenReset') {
    socket.on('close', count)
    socket.end()
    setImmediate(() => socket.resetAndDestroy())
  }
  else if (behaviour === 'end') socket.end('bye', count)
  else { kept.push(socket); count() }
})
parentPort.on('message', (text) => { for (const socket of kept) socket.write(text) })
server.listen({ ...where, backlog }, () => {
  const address = server.address()
  parentPort.postMessage(typeof address === 'object' ? address.port : 0)
  // The kernel goes on listening; nobody accepts.
  if (behaviour === 'none') setImmediate(() => Atomics.wait(new Int32Array(gate), 0, 0))
})`

export class Listener {
  readonly where: Where
  readonly #worker: Worker
  readonly #finished: Int32Array
  readonly #gate: Int32Array
  readonly #fillers: Socket[] = []

  static async start(where: Where, behaviour: Behaviour): Promise<Listener> {
    const done = new SharedArrayBuffer(4)
    const gate = new SharedArrayBuffer(4)
    const full = behaviour === 'none'
    const workerData = { where, behaviour, done, gate, ...(full && { backlog: BACKLOG }) }
    const worker = new Worker(PROGRAM, { eval: true, workerData })
    const [port] = await once(worker, 'message')
    const place = where.path === undefined ? { ...where, port } : where
    const listener = new Listener(place, worker, new Int32Array(done), new Int32Array(gate))
    if (full) for (let i = 0; i < HELD; i++) await listener.#fill()
    return listener
  }

  private constructor(where: Where, worker: Worker, finished: Int32Array, gate: Int32Array) {
    this.where = where
    this.#worker = worker
    this.#finished = finished
    this.#gate = gate
  }

  /** Stands still, the whole thread, until the listener is through with so many connections. */
  waitFor(count: number, longestMs = 120_000): void {
    const endsAt = performance.now() + longestMs
    for (;;) {
      const finished = Atomics.load(this.#finished, 0)
      if (finished >= count) return
      const leftMs = endsAt - performance.now()
      if (leftMs <= 0) throw new Error(`${finished} of ${count} connections after ${longestMs} ms`)
      Atomics.wait(this.#finished, 0, finished, leftMs)
    }
  }

  /** Accepts from now on: for one of behaviour `none`. */
  admit(): void {
    Atomics.store(this.#gate, 0, 1)
    Atomics.notify(this.#gate, 0)
  }

  /** To all connections that are kept. */
  write(text: string): void {
    this.#worker.postMessage(text)
  }

  async close(): Promise<void> {
    for (const socket of this.#fillers) socket.destroy()
    await this.#worker.terminate()
  }

  async #fill(): Promise<void> {
    const socket = connect(this.where as NetConnectOpts)
    this.#fillers.push(socket.on('error', () => {}))
    await once(socket, 'connect')
  }
}

/** A listener for as long as `use` takes. */
export async function withListener<T>(
  where: Where,
  behaviour: Behaviour,
  use: (listener: Listener) => Promise<T>,
): Promise<T> {
  const listener = await Listener.start(where, behaviour)
  try {
    return await use(listener)
  } finally {
    await listener.close()
  }
}
