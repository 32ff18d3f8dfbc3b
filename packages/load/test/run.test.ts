/** Runs of load against servers of this process: what is counted, and what is said of it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { isNativeBackendAvailable, nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import { createReactor, destinationPolicy, formatAddress, type Reactor } from '@pollout/core'
import { makeCertificate } from '@pollout/test-servers'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { runLoad } from '../src/load.js'
import type { LoadOptions } from '../src/options.js'
import { echoing, inet, serve } from './lane-kit.js'

const BACKENDS = ['native', 'net'] as const

const USUAL = {
  requests: [{ parts: '?' }],
  response: { kind: 'fixed', bytes: 1 },
  connections: 4,
  timeoutMs: 2_000,
} as const

describe.each(BACKENDS)('on %s', (name) => {
  beforeEach((context) => {
    if (name === 'native' && !isNativeBackendAvailable().available) {
      context.skip('the native backend is not available here')
    }
  })

  function reactorOf(options: Partial<ConstructorParameters<typeof Reactor>[0]> = {}): Reactor {
    const backend = name === 'native' ? nativeBackend({ threads: 1 }) : netBackend()
    const reactor = createReactor({ backend, ...options })
    onTestFinished(() => reactor.destroy())
    return reactor
  }

  function endpointOf(address: Parameters<typeof formatAddress>[0]): string {
    return `tcp://${formatAddress(address)}`
  }

  function run(address: Parameters<typeof formatAddress>[0], options: Partial<LoadOptions>) {
    const arrivals = { stages: [{ from: 200, to: 200, durationMs: 500 }] }
    const all = { ...USUAL, endpoints: [endpointOf(address)], arrivals, ...options }
    return runLoad(reactorOf(), all as LoadOptions)
  }

  it('an open loop sends what was planned, and all of it is told', async () => {
    const server = await serve(echoing)
    const result = await run(server.address, {})
    const { requests, connections, loop, lane } = result
    expect({ loop, lane }).toEqual({
      loop: 'open',
      lane: name === 'native' ? 'native' : 'portable',
    })
    expect(requests).toMatchObject({ total: 100, answered: 100, failed: 0, unfinished: 0 })
    expect(requests.askedPerSecond).toBeCloseTo(200, 5)
    expect(requests.perSecond).toBeCloseTo(200, 5)
    expect(connections).toMatchObject({ made: 4, failed: 0 })
    expect(server.received()).toBe('?'.repeat(100))
    expect(result.times.response.count).toBe(100)
    expect(result.series.reduce((sum, { answered }) => sum + answered, 0)).toBe(100)
  })

  it('warm-up is not counted', async () => {
    const server = await serve(echoing)
    const { requests } = await run(server.address, { warmUpMs: 250 })
    expect(requests.total).toBe(50)
    expect(server.received()).toHaveLength(100)
  })

  it('a closed loop goes on for its time', async () => {
    const server = await serve(echoing)
    const { requests, loop } = await run(server.address, { arrivals: { closedLoopMs: 200 } })
    expect(loop).toBe('closed')
    expect(requests.answered).toBeGreaterThan(20)
    expect(requests).toMatchObject({ failed: 0, unfinished: 0, askedPerSecond: null })
  })

  it('a server that stalls is seen by those who were to come meanwhile', async () => {
    let stalled = false
    const server = await serve((socket, chunk, seen) => {
      if (seen.bytes === 20 && !stalled) {
        stalled = true
        setTimeout(() => socket.write(chunk), 200)
      } else socket.write(chunk)
    })
    const { times, requests } = await run(server.address, { connections: 1 })
    expect(requests.answered).toBe(100)
    // One request was slow for the server, and forty of two hundred a second waited for it.
    expect(times.response.max).toBeGreaterThan(190)
    expect(times.response.mean).toBeGreaterThan(20)
    expect(times.service.mean).toBeLessThan(times.response.mean ?? 0)
    expect(times.queue.max).toBeGreaterThan(150)
  })

  it('nobody listens: each request is a failure, and none is lost', async () => {
    const { requests } = await run(inet(1), {})
    expect(requests).toMatchObject({ total: 100, answered: 0, failed: 100, unfinished: 0 })
    expect(requests.failures).toEqual([
      { kind: 'not connected: ECONNREFUSED', count: 100, localFault: false },
    ])
  })

  it('a server that says nothing is told as such, and the run ends', async () => {
    const server = await serve(() => {})
    const { requests } = await run(server.address, { timeoutMs: 100, connections: 200 })
    expect(requests).toMatchObject({ total: 100, answered: 0, failed: 100, unfinished: 0 })
    expect(requests.failures).toEqual([{ kind: 'timed out', count: 100, localFault: false }])
  })

  it('a signal ends it, with what there is', async () => {
    const server = await serve(echoing)
    const controller = new AbortController()
    const result = await run(server.address, {
      arrivals: { stages: [{ from: 100, to: 100, durationMs: 60_000 }] },
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    expect(result.wasAborted).toBe(true)
    expect(result.requests.answered).toBeGreaterThan(0)
    expect(result.measuredMs).toBeLessThan(10_000)
  })

  it('a policy is asked', async () => {
    const server = await serve(echoing)
    const reactor = reactorOf({ policy: destinationPolicy({ allow: ['192.0.2.0/24'] }) })
    const options = {
      ...USUAL,
      endpoints: [endpointOf(server.address)],
      arrivals: { closedLoopMs: 100 },
    }
    const outcome = await runLoad(reactor, options).then(
      ({ requests }) => requests.failures.map(({ kind }) => kind),
      (error) => error.code,
    )
    expect(outcome).toEqual('ERR_DENIED')
    expect(server.accepted()).toBe(0)
  })

  it('kinds of requests come as often as their weights say', async () => {
    const server = await serve(echoing)
    const requests = [{ parts: 'a', weight: 9 }, { parts: 'b' }]
    await run(server.address, { requests, seed: 3 })
    const received = server.received()
    const share = [...received].filter((letter) => letter === 'b').length / received.length
    expect(received).toHaveLength(100)
    expect(share).toBeGreaterThan(0.02)
    expect(share).toBeLessThan(0.25)
  })

  it('through TLS, on connections', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pollout-load-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    makeCertificate(folder)
    const [key, cert] = ['server.key', 'server.crt'].map((file) => readFileSync(join(folder, file)))
    const server = createTlsServer({ key, cert }, (socket) => {
      socket.on('error', () => {}).on('data', (chunk) => socket.write(chunk))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as { port: number }
    const { requests, lane } = await runLoad(reactorOf(), {
      ...USUAL,
      endpoints: [`tls://127.0.0.1:${port}`],
      arrivals: { stages: [{ from: 100, to: 100, durationMs: 300 }] },
      connect: { tls: { rejectUnauthorized: false } },
    })
    expect(lane).toBe('portable')
    expect(requests).toMatchObject({ total: 30, answered: 30 })
  })

  it.each<[string, object, RegExp]>([
    ['no endpoint', { endpoints: [] }, /endpoints/],
    ['no request', { requests: [] }, /requests/],
    ['half a connection', { connections: 0.5 }, /connections/],
    ['no time', { timeoutMs: 0 }, /timeoutMs/],
  ])('%s can not be meant', async (_, options, message) => {
    await expect(run(inet(1), options)).rejects.toThrow(message)
  })
})
