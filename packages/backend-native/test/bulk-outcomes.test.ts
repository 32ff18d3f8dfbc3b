/** The bulk lane on the real kernel: every kind of outcome. */
import { type Handle, BulkStep as STEP } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { expect, it } from 'vitest'
import { describeLanes, until } from './bulk-support.js'
import { E } from './support.js'

const LOOPBACK = '127.0.0.1'

const range = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Times are there, and in order. */
function expectOrdered(...times: readonly number[]): void {
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  for (const time of times) expect(time).toBeGreaterThan(0)
}

describeLanes('outcomes', (kit) => {
  it('says how many threads it has', () => {
    expect(kit().bulk.threads).toBe(kit().threads)
  })

  it.each([LOOPBACK, '::1'])('connected to %s, and kept', async (host) => {
    const server = await kit().serve({ host })
    const { backend } = kit()
    const lane = kit().open({ onConnected: 'keep' })
    const before = performance.now()
    const outcome = await lane.outcomeOf({ to: { address: host, port: server.at.port } })
    expect(outcome).toMatchObject({ status: 0, step: STEP.CONNECT })
    const { startedAt, sentAt, readyAt, endedAt } = outcome
    expectOrdered(before, startedAt, sentAt, readyAt, endedAt, performance.now())
    const handle = outcome.handle as Handle
    expect(backend.openHandles).toBe(1)
    expect(backend.peerAddress(handle)).toMatchObject({ address: host, port: server.at.port })
    const peer = await server.accepted()
    peer.write('hello')
    const into = new Uint8Array(8)
    await until(() => backend.receive(handle, into) === 5)
    expect(backend.send(handle, into, 3)).toBe(5)
    backend.close(handle, 'reset')
    lane.lane.end()
  })

  it.each([
    ['close', 'end'],
    ['reset', 'error'],
  ] as const)('connected and then: %s', async (onConnected, event) => {
    const server = await kit().serve()
    const seen = new Promise((resolve) => {
      server.server.once('connection', (peer) => {
        peer.once('error', () => resolve('error'))
        peer.once('end', () => resolve('end'))
        peer.resume()
      })
    })
    const lane = kit().open({ onConnected })
    const outcome = await lane.outcomeOf({ to: { address: LOOPBACK, port: server.at.port } })
    expect(outcome).toMatchObject({ status: 0, step: STEP.CONNECT, handle: -1 })
    expect(await seen).toBe(event)
    expect(kit().backend.openHandles).toBe(0)
  })

  it('refused', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const { status, step, startedAt, sentAt, readyAt, endedAt } = await kit()
      .open()
      .outcomeOf({ to })
    expect({ status, step }).toEqual({ status: -E.ECONNREFUSED, step: STEP.SO_ERROR })
    expectOrdered(startedAt, sentAt, readyAt, endedAt)
  })

  it('what connect(2) says at once', async () => {
    // A link-local address of no link.
    const outcome = await kit()
      .open()
      .outcomeOf({ to: { address: 'fe80::1', port: 1 } })
    expect(outcome).toMatchObject({ status: -E.EINVAL, step: STEP.CONNECT })
    expectOrdered(outcome.startedAt, outcome.sentAt, outcome.readyAt, outcome.endedAt)
  })

  it('the deadline', async () => {
    const to = await kit().silent()
    const outcome = await kit().open().outcomeOf({ to, timeoutMs: 40 })
    const { status, step, startedAt, readyAt, endedAt } = outcome
    expect({ status, step, readyAt }).toEqual({
      status: -E.ETIMEDOUT,
      step: STEP.DEADLINE,
      readyAt: Number.NaN,
    })
    expect(endedAt - startedAt).toBeGreaterThanOrEqual(40)
    expect(kit().backend.openHandles).toBe(0)
  })

  it('deadlines of any order, and none', async () => {
    const to = await kit().silent()
    const lane = kit().open()
    const timeouts = [90, 10, Number.POSITIVE_INFINITY, 50, 30, 70]
    lane.submit(...timeouts.map((timeoutMs, id) => ({ id, to, timeoutMs })))
    const outcomes = await lane.told(5)
    const tookMs = new Map(outcomes.map(({ id, startedAt, endedAt }) => [id, endedAt - startedAt]))
    for (const [id, timeoutMs] of timeouts.entries()) {
      if (timeoutMs === Number.POSITIVE_INFINITY) expect(tookMs.has(id)).toBe(false)
      else expect(tookMs.get(id)).toBeGreaterThanOrEqual(timeoutMs)
    }
    expect(kit().backend.openHandles).toBe(1)
    lane.lane.cancel()
  })

  it('one that ended in time has not timed out, however late the thread gets to it', async () => {
    const server = await kit().serve()
    const lane = kit().open()
    // Their deadlines are over before the first one is looked at.
    const count = 200
    const to = { address: LOOPBACK, port: server.at.port }
    lane.submit(...range(count).map((id) => ({ id, to, timeoutMs: 0.001 })))
    const outcomes = await lane.told(count)
    for (const { status, step } of outcomes) {
      const inTime = status === 0 && step === STEP.CONNECT
      // The handshake is through when connect(2) returns, on loopback.
      expect({ status, step, inTime }).toMatchObject({ inTime: true })
    }
  })

  it('setsockopt(2), with the index of the option', async () => {
    const server = await kit().serve()
    const good = { level: 6, option: 1, value: Uint8Array.of(1, 0, 0, 0) }
    const bad = { level: 6, option: 9999, value: Uint8Array.of(1, 0, 0, 0) }
    const lane = kit().open({ options: { inet: [good, bad], inet6: [good] } })
    const outcome = await lane.outcomeOf({ to: { address: LOOPBACK, port: server.at.port } })
    expect(outcome).toMatchObject({
      status: -E.ENOPROTOOPT,
      step: STEP.SETSOCKOPT,
      handle: 1,
      sentAt: Number.NaN,
      readyAt: Number.NaN,
    })
    const v6 = await lane.outcomeOf({ to: { address: '::1', port: await unusedPort() } })
    expect(v6).toMatchObject({ status: -E.ECONNREFUSED, step: STEP.SO_ERROR })
  })

  it('options are set', async () => {
    const server = await kit().serve()
    const { backend } = kit()
    const noDelay = { level: 6, option: 1, value: Uint8Array.of(1, 0, 0, 0) }
    const lane = kit().open({ onConnected: 'keep', options: { inet: [noDelay], inet6: [] } })
    const { handle } = await lane.outcomeOf({ to: { address: LOOPBACK, port: server.at.port } })
    const into = new Uint8Array(4)
    expect(backend.kernel?.getOption(handle as Handle, 6, 1, into)).toBe(4)
    expect(into[0]).toBe(1)
  })

  it('source addresses and ports', async () => {
    const server = await kit().serve()
    const to = { address: LOOPBACK, port: server.at.port }
    const sourcePort = await unusedPort()
    const lane = kit().open({
      sources: [
        { family: 'inet', address: '127.0.0.5', port: 0 },
        { family: 'inet', address: '127.0.0.6', port: 0 },
      ],
      limit: 1,
      onConnected: 'keep',
    })
    lane.submit({ id: 0, to }, { id: 1, to, source: 1 }, { id: 2, to, source: 2, sourcePort })
    const outcomes = await lane.told(3)
    expect(outcomes.map(({ status }) => status)).toEqual([0, 0, 0])
    const peers = [await server.accepted(), await server.accepted(), await server.accepted()]
    expect(peers.map((peer) => peer.remoteAddress)).toEqual([LOOPBACK, '127.0.0.5', '127.0.0.6'])
    expect(peers[2]?.remotePort).toBe(sourcePort)
  })

  it.each([
    ['an address of somebody else', '192.0.2.1', 'EADDRNOTAVAIL'],
    ['no address', '127.1', 'EINVAL'],
  ] as const)('bind(2) to %s', async (_what, address, code) => {
    const lane = kit().open({ sources: [{ family: 'inet', address, port: 0 }] })
    const outcome = await lane.outcomeOf({ to: { address: LOOPBACK, port: 1 }, source: 1 })
    expect(outcome).toMatchObject({ status: -E[code], step: STEP.BIND, sentAt: Number.NaN })
  })

  it('thousands of them, each once', async () => {
    const server = await kit().serve()
    const refused = await unusedPort()
    const lane = kit().open({ limit: 200 })
    const count = 4_000
    const port = (id: number) => (id % 2 === 0 ? server.at.port : refused)
    lane.submit(...range(count).map((id) => ({ id, to: { address: LOOPBACK, port: port(id) } })))
    const outcomes = await lane.told(count)
    expect(outcomes.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(range(count))
    for (const { id, status } of outcomes) expect(status).toBe(id % 2 === 0 ? 0 : -E.ECONNREFUSED)
    expect(Math.max(...lane.batches)).toBeLessThanOrEqual(1_024)
    expect(kit().backend.openHandles).toBe(0)
  })
})
