/** A connect that waits, against the real kernel: its outcomes, its bound, and signals. */
import { constants, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Handle, SocketAddress } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it } from 'vitest'
import { describeNative, E, flagsOf, has, inet, opened, runChild } from './support.js'

const WRITABLE = 2
const CONNECTED = 0
const PENDING = 1
const SOL_SOCKET = 1
/** Of `struct timeval`, two `long`s: asm-generic/socket.h. */
const SO_SNDTIMEO = 21

describeNative('a connect that waits', (kit) => {
  function connectAndWait(to: SocketAddress, timeoutMs: number, handle?: Handle) {
    const { bench } = kit()
    const socket = handle ?? bench.open(to.family)
    const before = performance.now()
    const result = bench.kernel.connectAndWait(socket, to, timeoutMs)
    return { handle: socket, result, tookMs: performance.now() - before }
  }

  it.each([0.001, 1_000, 5e15, Number.POSITIVE_INFINITY])(
    'connected, within %d ms',
    async (timeoutMs) => {
      const { backend, bench } = kit()
      const server = await kit().serve()
      const { handle, result } = connectAndWait(server.at, timeoutMs)
      // A microsecond may be over before the kernel is asked, or before the connect(2) itself has seen the end.
      const isShort = timeoutMs < 1
      expect(isShort ? [0, -E.EINPROGRESS] : [0]).toContain(result)
      if (result !== 0) await bench.ready(handle, WRITABLE)
      const times = new Float64Array(2)
      expect(backend.finishConnect(handle, times)).toBe(CONNECTED)
      expect(times[1]).toBeGreaterThan(times[0] as number)
      expect(backend.peerAddress(handle)).toEqual(server.at)
      expect(isShort ? [0, -E.EISCONN] : [-E.EISCONN]).toContain(backend.connect(handle, server.at))
      await server.accepted()
    },
  )

  it.each([1_000, Number.POSITIVE_INFINITY])('refused, within %d ms', async (timeoutMs) => {
    const { handle, result } = connectAndWait(inet(await unusedPort()), timeoutMs)
    expect(result).toBe(-E.ECONNREFUSED)
    // The errno has been told, and is told once.
    expect(kit().backend.finishConnect(handle)).toBe(-E.ECONNRESET)
  })

  it('after one that was refused, its times are its own', async () => {
    const { backend, bench } = kit()
    const server = await kit().serve()
    const handle = bench.open('inet')
    backend.connect(handle, inet(await unusedPort()))
    await bench.ready(handle, WRITABLE)
    expect(backend.finishConnect(handle)).toBe(-E.ECONNREFUSED)
    const before = performance.now()
    // Linux answers the first connect(2) after that with ECONNABORTED, and begins nothing.
    while (connectAndWait(server.at, 10_000, handle).result === -E.ECONNABORTED);
    const times = new Float64Array(2)
    expect(backend.finishConnect(handle, times)).toBe(CONNECTED)
    expect(times[0]).toBeGreaterThanOrEqual(before)
    expect(times[1]).toBeGreaterThanOrEqual(times[0] as number)
    await server.accepted()
  })

  it('the time is over: EINPROGRESS, and it goes on', async () => {
    const { backend, bench } = kit()
    const server = await kit().busyServer()
    const { handle, result, tookMs } = connectAndWait(server.at, 150)
    expect(result).toBe(-E.EINPROGRESS)
    expect(tookMs).toBeGreaterThanOrEqual(149)
    expect(tookMs).toBeLessThan(60_000)
    expect(backend.connect(handle, server.at)).toBe(-E.EALREADY)
    expect(backend.finishConnect(handle)).toBe(PENDING)
    // The server gets its turn now, and the kernel repeats the SYN after a second.
    await bench.ready(handle, WRITABLE)
    expect(backend.finishConnect(handle)).toBe(CONNECTED)
  })

  it('a second call waits for the first one: EALREADY when its time is over', async () => {
    const server = await kit().busyServer()
    const { handle, result } = connectAndWait(server.at, 1)
    expect(result).toBe(-E.EINPROGRESS)
    const again = connectAndWait(server.at, 60, handle)
    expect(again.result).toBe(-E.EALREADY)
    expect(again.tookMs).toBeGreaterThanOrEqual(59)
  })

  it('no time at all: begun, and not waited for', async () => {
    const server = await kit().busyServer()
    const { result, tookMs } = connectAndWait(server.at, 0)
    expect(result).toBe(-E.EINPROGRESS)
    // Without a limit it would be the kernel's, of two minutes.
    expect(tookMs).toBeLessThan(60_000)
  })

  it('the socket is as it was: non-blocking, with its own SO_SNDTIMEO', async () => {
    const { bench, backend } = kit()
    const server = await kit().busyServer()
    let handle: Handle | undefined
    const fd = opened(() => {
      handle = bench.open()
    })
    const socket = handle as Handle
    const timeout = new Uint8Array(BigUint64Array.of(3n, 500_000n).buffer)
    expect(bench.kernel.setOption(socket, SOL_SOCKET, SO_SNDTIMEO, timeout)).toBe(0)
    connectAndWait(server.at, 20, socket)
    expect(flagsOf(fd) & constants.O_NONBLOCK).toBe(constants.O_NONBLOCK)
    const after = new Uint8Array(16)
    expect(bench.kernel.getOption(socket, SOL_SOCKET, SO_SNDTIMEO, after)).toBe(16)
    expect(after).toEqual(timeout)
    expect(backend.receive(socket, new Uint8Array(1))).toBe(-E.EAGAIN)
  })

  it('what the kernel knows at once', async () => {
    const { bench, folder } = kit()
    const { kernel } = bench
    const path = join(folder, 'absent')
    expect(connectAndWait({ family: 'unix', path }, 1_000).result).toBe(-E.ENOENT)
    const handle = bench.open()
    expect(kernel.connectAndWait(handle, { family: 'inet6', address: '::1', port: 1 }, 9)).toBe(
      -E.EAFNOSUPPORT,
    )
    expect(kernel.connectAndWait(handle, { family: 'inet', address: 'x', port: 1 }, 9)).toBe(
      -E.EINVAL,
    )
    const datagrams = bench.open('inet', 'dgram')
    expect(kernel.connectAndWait(datagrams, inet(9), 1_000)).toBe(0)
    expect(bench.backend.peerAddress(datagrams)).toEqual(inet(9))
    bench.backend.close(handle, 'reset')
    expect(kernel.connectAndWait(handle, inet(9), 1_000)).toBe(-E.EBADF)
  })

  it('unix: connected; and a full backlog is EAGAIN when the time is over, nothing begun', async () => {
    const { bench, backend, folder } = kit()
    const server = await kit().serve({ path: join(folder, 'full'), backlog: 1 })
    const first = connectAndWait(server.at, 1_000)
    expect(first.result).toBe(0)
    expect(backend.peerAddress(first.handle)).toEqual(server.at)
    while (backend.connect(bench.open('unix'), server.at) === 0);
    const { handle, result, tookMs } = connectAndWait(server.at, 120)
    expect(result).toBe(-E.EAGAIN)
    expect(tookMs).toBeGreaterThanOrEqual(119)
    expect(backend.finishConnect(handle)).toBe(-E.ENOTCONN)
  })

  describe.skipIf(!has('strace'))(
    `interrupted by signals${has('strace') ? '' : ' (skipped: no strace)'}`,
    () => {
      /** Runs under strace and sends SIGUSR1 from here, every 20 ms from the time that the child says so. */
      async function interrupted(code: string) {
        const folder = mkdtempSync(join(kit().folder, 'trace-'))
        const trace = join(folder, 'trace')
        let timer: NodeJS.Timeout | undefined
        const { lines, stderr } = await runChild(TRIAL + code, {
          wrap: ['strace', '-f', '-qq', '-e', 'trace=connect,poll', '-o', trace],
          onLine: (line) => {
            const pid = /^go (\d+)$/.exec(line)?.[1]
            if (pid === undefined || timer !== undefined) return
            timer = setInterval(() => {
              try {
                process.kill(Number(pid), 'SIGUSR1')
              } catch {
                clearInterval(timer)
              }
            }, 20)
          },
        }).finally(() => clearInterval(timer))
        const calls = readFileSync(trace, 'utf8')
        rmSync(folder, { recursive: true })
        const told = lines.find((line) => line.startsWith('{'))
        if (told === undefined) throw new Error(`the child said nothing: ${stderr}`)
        const answer = JSON.parse(told) as { result: number; tookMs: number; signals: number }
        return {
          ...answer,
          calls: calls.split('\n').filter((line) => !line.includes('unfinished')),
        }
      }

      const INTERRUPTED = /connect.* = (\? ERESTARTSYS|-1 EINTR|\? ERESTART)/
      const POLL_INTERRUPTED = /poll.* = (\? ERESTART|-1 EINTR)/

      it('tcp: the wait is bounded all the same', async () => {
        const { result, tookMs, signals, calls } = await interrupted(`
        attempt('127.0.0.1', 600)
      `)
        expect(result).toBe(-E.EINPROGRESS)
        expect(tookMs).toBeGreaterThanOrEqual(599)
        expect(tookMs).toBeLessThan(60_000)
        expect(signals).toBeGreaterThan(0)
        expect(calls.filter((call) => INTERRUPTED.test(call))).toHaveLength(1)
        expect(calls.filter((call) => POLL_INTERRUPTED.test(call)).length).toBeGreaterThan(1)
      })

      it('tcp: connected all the same', async () => {
        const { result, tookMs, calls } = await interrupted(`
        attempt('127.0.0.1', 120_000, 500)
      `)
        expect(result).toBe(0)
        expect(tookMs).toBeGreaterThan(400)
        expect(tookMs).toBeLessThan(100_000)
        expect(calls.filter((call) => INTERRUPTED.test(call))).toHaveLength(1)
        expect(calls.filter((call) => POLL_INTERRUPTED.test(call)).length).toBeGreaterThan(1)
      })

      it('tcp, with no bound: restarted by the kernel, and connected', async () => {
        const { result, calls } = await interrupted(`
        attempt('127.0.0.1', Infinity, 500)
      `)
        expect(result).toBe(0)
        expect(calls.filter((call) => INTERRUPTED.test(call)).length).toBeGreaterThan(1)
      })

      it('unix: called again for the rest of the time', async () => {
        const { result, tookMs, calls } = await interrupted(`
        attempt(${JSON.stringify(join(kit().folder, 'x'))}, 400)
      `)
        expect(result).toBe(-E.EAGAIN)
        expect(tookMs).toBeGreaterThanOrEqual(399)
        expect(tookMs).toBeLessThan(60_000)
        expect(calls.filter((call) => INTERRUPTED.test(call)).length).toBeGreaterThan(1)
      })
    },
  )
})

/**
 * `attempt()` connects to a server whose backlog is full and whose thread is asleep, for good or for so many
 * milliseconds, and tells how that went.
 */
const TRIAL = `
  const { Worker } = require('node:worker_threads')
  let signals = 0
  process.on('SIGUSR1', () => signals++)
  const backend = createBackend(() => {}, () => {})
  function attempt(where, timeoutMs, wakeAfterMs) {
    const unix = where.startsWith('/')
    const worker = new Worker(\`
      const { parentPort, workerData } = require('node:worker_threads')
      const { where, unix, wakeAfterMs } = workerData
      const server = require('node:net').createServer(() => {})
      server.listen({ ...(unix ? { path: where } : { host: where, port: 0 }), backlog: 1 }, () => {
        setImmediate(() => {
          parentPort.postMessage(unix ? 0 : server.address().port)
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wakeAfterMs)
        })
      })
    \`, { eval: true, workerData: { where, unix, wakeAfterMs: wakeAfterMs ?? Infinity } })
    worker.once('message', port => {
      const address = [unix ? 1 : 2, where, port]
      for (let i = 0; i < 4; i++) backend.connect(backend.open(address[0], 1), ...address)
      const handle = backend.open(address[0], 1)
      say('go ' + process.pid)
      const before = performance.now()
      const result = backend.connectAndWait(handle, timeoutMs, ...address)
      const tookMs = performance.now() - before
      setTimeout(() => {
        say(JSON.stringify({ result, tookMs, signals }))
        process.exit()
      }, 100)
    })
  }
`
