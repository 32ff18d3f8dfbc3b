/** When a connect began and ended, by the backend's own clock readings: native/connect_completion.cc. */
import { join } from 'node:path'
import type { Handle } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it } from 'vitest'
import { blockLoop, describeNative, E, inet, runChild } from './support.js'

const READABLE = 1
const WRITABLE = 2
const CONNECTED = 0
const PENDING = 1
/** How long the loop is held up, and how much of that may show: what a softirq waits for its turn. */
const STALL_MS = 300
const UNSTALLED_MS = 150

describeNative('times', (kit) => {
  /** Started and ended, and what finishConnect() said. */
  function finish(handle: Handle) {
    const times = new Float64Array(2)
    const status = kit().backend.finishConnect(handle, times)
    return { status, started: times[0] as number, ended: times[1] as number }
  }

  it.each(['127.0.0.1', '::1'])('%s: the handshake, and not the loop', async (host) => {
    const { bench, backend } = kit()
    const server = await kit().serve({ host })
    const handle = bench.open(server.at.family)
    const before = performance.now()
    expect(backend.connect(handle, server.at)).toBe(-E.EINPROGRESS)
    const after = performance.now()
    blockLoop(STALL_MS)
    await bench.ready(handle, WRITABLE)
    const { status, started, ended } = finish(handle)
    expect(status).toBe(CONNECTED)
    expect(started).toBeGreaterThanOrEqual(before - 0.01)
    expect(started).toBeLessThanOrEqual(after + 0.01)
    expect(ended).toBeGreaterThan(started)
    expect(ended - after).toBeLessThan(UNSTALLED_MS)
  })

  it('are told again as they were, whatever happened since', async () => {
    const { bench, backend } = kit()
    const server = await kit().serve()
    const handle = await bench.connected(server.at)
    const first = finish(handle)
    const peer = await server.accepted()
    backend.send(handle, Buffer.from('x'), 0)
    peer.write('x')
    await bench.ready(handle, READABLE)
    expect(backend.connect(handle, server.at)).toBe(0)
    expect(finish(handle)).toEqual(first)
  })

  it('unix and udp: as long as connect(2) took', async () => {
    const { bench, backend, folder } = kit()
    const server = await kit().serve({ path: join(folder, 'server') })
    for (const [to, type] of [
      [server.at, 'stream'],
      [inet(9), 'dgram'],
    ] as const) {
      const handle = bench.open(to.family, type)
      expect(backend.connect(handle, to)).toBe(0)
      const after = performance.now()
      blockLoop(STALL_MS)
      await bench.ready(handle, WRITABLE)
      const { status, started, ended } = finish(handle)
      expect(status).toBe(CONNECTED)
      expect(ended).toBeGreaterThanOrEqual(started)
      expect(ended).toBeLessThanOrEqual(after + 0.01)
    }
  })

  it('a failure ends when it becomes known: in the loop', async () => {
    const { bench, backend } = kit()
    const handle = bench.open()
    backend.connect(handle, inet(await unusedPort()))
    blockLoop(STALL_MS)
    await bench.ready(handle, WRITABLE)
    const reported = performance.now()
    const { status, started, ended } = finish(handle)
    expect(status).toBe(-E.ECONNREFUSED)
    expect(ended - started).toBeGreaterThanOrEqual(STALL_MS - 1)
    expect(ended).toBeLessThanOrEqual(reported)
  })

  it('with a SYN that was sent again, until the report: nothing is written before', async () => {
    const { bench, backend } = kit()
    const server = await kit().busyServer()
    const handle = bench.open()
    backend.connect(handle, server.at)
    expect(finish(handle)).toEqual({ status: PENDING, started: 0, ended: 0 })
    await bench.ready(handle, WRITABLE)
    const { status, started, ended } = finish(handle)
    expect(status).toBe(CONNECTED)
    // The kernel repeats it after a second: RFC 6298.
    expect(ended - started).toBeGreaterThan(900)
    expect(ended).toBeLessThanOrEqual(performance.now())
  })

  it('of a socket that connects again, and of one that never did', async () => {
    const { bench, backend } = kit()
    const server = await kit().serve()
    const handle = bench.open()
    expect(finish(handle)).toEqual({
      status: -E.ENOTCONN,
      started: Number.NaN,
      ended: Number.NaN,
    })
    backend.connect(handle, inet(await unusedPort()))
    await bench.ready(handle, WRITABLE)
    const refused = finish(handle)
    // connect(2) tells of the abort before; then it begins anew.
    if (backend.connect(handle, server.at) !== -E.EINPROGRESS) backend.connect(handle, server.at)
    await bench.ready(handle, WRITABLE)
    const connected = finish(handle)
    expect([refused.status, connected.status]).toEqual([-E.ECONNREFUSED, CONNECTED])
    expect(connected.started).toBeGreaterThan(refused.ended)
    expect(connected.ended).toBeGreaterThan(connected.started)
    const closed = finish(12345 as Handle)
    expect(closed).toEqual({ status: -E.EBADF, started: 0, ended: 0 })
  })

  it('of a recycled socket: its own', async () => {
    const { bench, backend } = kit()
    const server = await kit().serve()
    let ended = 0
    for (let round = 0; round < 4; round++) {
      const handle = bench.open()
      backend.connect(handle, server.at)
      backend.register(handle, bench.token(), WRITABLE)
      await new Promise<void>((resolve, reject) => {
        bench.sink.onBatch = () => {
          const times = finish(handle)
          backend.close(handle, 'reset')
          bench.sink.onBatch = () => {}
          if (times.started > ended && times.ended > times.started) resolve()
          else reject(new Error(`ended ${ended}, then ${JSON.stringify(times)}`))
          ended = times.ended
        }
      })
    }
  })

  it('in a Worker: on the scale of its own performance.now()', async () => {
    const server = await kit().serve()
    const { lines } = await runChild(`
      const { Worker } = require('node:worker_threads')
      const workerData = ${JSON.stringify({ package: PACKAGE, at: server.at })}
      new Worker(${JSON.stringify(IN_A_WORKER)}, { eval: true, workerData })
        .on('message', told => say(JSON.stringify(told)))
    `)
    const told = JSON.parse(lines[0] ?? '{}')
    expect(told.times[0]).toBeGreaterThanOrEqual(told.before - 0.01)
    expect(told.times[1]).toBeGreaterThan(told.times[0])
    expect(told.times[1]).toBeLessThanOrEqual(told.after + 0.01)
  })

  describe('in a network of its own', () => {
    const network = (setup: string) => [
      'unshare',
      '-rn',
      'sh',
      '-c',
      `ip link set lo up && ${setup} || exit 9; exec "$@"`,
      'sh',
    ]

    it('the round trip of a slow network, seen from a stalled loop', async (ctx) => {
      const { lines, code, stderr } = await runChild(SLOW_NETWORK, {
        wrap: network('tc qdisc add dev lo root netem delay 40ms'),
      })
      if (code === 9 || code === 1)
        return ctx.skip(`no network namespace with netem: ${stderr.trim()}`)
      const { status, tookMs } = JSON.parse(lines[0] ?? '{}')
      expect(status).toBe(CONNECTED)
      // Two ways of 40 ms; the loop was held up for 500.
      expect(tookMs).toBeGreaterThanOrEqual(80)
      expect(tookMs).toBeLessThan(200)
    })

    it('fast open: connected before anybody was asked, without spinning, and when it ended is not known', async (ctx) => {
      const { lines, code, stderr } = await runChild(FAST_OPEN, {
        wrap: network('sysctl -qw net.ipv4.tcp_fastopen=0x403'),
      })
      if (code === 9 || code === 1)
        return ctx.skip(`no network namespace with fast open: ${stderr}`)
      expect(lines.map((line) => JSON.parse(line))).toEqual([
        // The first connect asks for the cookie.
        { result: -E.EINPROGRESS, status: CONNECTED, ended: true, hasPeer: true },
        // The second one has it.
        { result: 0, status: CONNECTED, ended: false, hasPeer: false },
        { sent: 5, ready: true, status: CONNECTED, ended: true, hasPeer: true, heard: 'HELLO' },
      ])
    })
  })
})

const PACKAGE = new URL('../dist/index.cjs', import.meta.url).pathname

const IN_A_WORKER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { nativeBackend } = require(workerData.package)
  const times = new Float64Array(2)
  const backend = nativeBackend()({
    ready() {
      const status = backend.finishConnect(handle, times)
      const after = performance.now()
      backend.destroy().then(() => parentPort.postMessage({ status, before, times: [...times], after }))
    },
    broken() {},
  })
  const handle = backend.open({ family: 'inet', type: 'stream' })
  const before = performance.now()
  backend.connect(handle, workerData.at)
  backend.register(handle, 1, 2)
`

const SLOW_NETWORK = `
  const times = new Float64Array(2)
  const ready = () => {
    const status = backend.finishConnect(handle, times)
    say(JSON.stringify({ status, tookMs: times[1] - times[0] }))
    process.exit()
  }
  const backend = createBackend(ready, () => {})
  const handle = backend.open(2, 1)
  require('node:net').createServer().listen(0, '127.0.0.1', function () {
    backend.connect(handle, 2, '127.0.0.1', this.address().port)
    backend.register(handle, 1, 2)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  })
`

const FAST_OPEN = `
  const waiting = new Map()
  let reports = 0
  const ready = (tokens, _bits, count) => {
    for (let i = 0; i < count; i++) waiting.get(tokens[i])?.()
    reports += count
  }
  const backend = createBackend(ready, () => {})
  let token = 0
  const when = (handle, interest) => new Promise(resolve => {
    backend.register(handle, ++token, interest)
    waiting.set(token, resolve)
  })
  const TCP_FASTOPEN_CONNECT = 30
  const one = new Uint8Array(Uint32Array.of(1).buffer)
  const finish = (handle, more) => {
    const times = new Float64Array(2)
    const status = backend.finishConnect(handle, times)
    const hasPeer = backend.peerAddress(handle) !== undefined
    say(JSON.stringify({ ...more, status, ended: times[1] > times[0], hasPeer }))
  }
  const net = require('node:net')
  const server = net.createServer(socket => {
    socket.on('error', () => {}).on('data', data => socket.end(String(data).toUpperCase()))
  })
  server.listen(0, '127.0.0.1', async () => {
    const { port } = server.address()
    let handle
    for (let round = 0; round < 2; round++) {
      handle = backend.open(2, 1)
      if (backend.setOption(handle, 6, TCP_FASTOPEN_CONNECT, one) !== 0) process.exit(9)
      const result = backend.connect(handle, 2, '127.0.0.1', port)
      await when(handle, 2)
      finish(handle, { result })
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    const sent = backend.send(handle, Buffer.from('hello'), 0)
    await when(handle, 1)
    const into = Buffer.alloc(9)
    const count = backend.receive(handle, into)
    const times = new Float64Array(2)
    const status = backend.finishConnect(handle, times)
    const hasPeer = backend.peerAddress(handle) !== undefined
    say(JSON.stringify({
      sent, ready: reports < 10, status, ended: times[1] - times[0] >= 50, hasPeer,
      heard: into.toString('utf8', 0, Math.max(count, 0)),
    }))
    process.exit()
  })
`
