/** What keeps a process alive, and what is left after destroy(). */
import { errno, Interest, type SocketAddress } from '@pollout/core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runFixture } from './fixtures.js'
import { descriptorCount, Harness, readAll, settle, TestServer } from './harness.js'

const ALIVE_MS = 700
const ENDS_WITHIN_MS = 240_000
let server: TestServer
let to: SocketAddress

beforeEach(async () => {
  server = new TestServer()
  to = await server.listen({ host: '127.0.0.1' })
})

afterEach(() => server.stop())

describe('a process', () => {
  const port = () => (to.family === 'unix' ? '' : String(to.port))

  it.each([
    ['with an idle connection', 'idle', ['connected 0', 'exit']],
    ['with a registration taken back', 'deregistered', ['connected 0', 'exit']],
    [
      'with a reading registration of an unreferenced backend',
      'unreferenced',
      ['connected 0', 'exit'],
    ],
    ['with an idle datagram socket', 'datagramIdle', ['connected 0', 'exit']],
    [
      'with a datagram socket that waits for an unreferenced backend',
      'datagramUnreferenced',
      ['connected 0', 'exit'],
    ],
    ['whose last registration was for WRITABLE', 'unread', ['connected 0', 'ready', 'exit']],
  ])('ends %s', async (_name, scenario, lines) => {
    const run = await runFixture('lifetime.mjs', [port(), scenario], ENDS_WITHIN_MS)
    expect(run).toEqual({ lines, ended: true })
  })

  it.each([
    ['waits for data', 'reading', ['connected 0']],
    ['waits for data, unreferenced and referenced again', 'referenced', ['connected 0']],
    ['waits for a datagram', 'datagramReading', ['connected 0']],
    ['is registered and not yet connecting', 'fresh', ['registered']],
  ])('stays alive while a socket %s', async (_name, scenario, lines) => {
    const run = await runFixture('lifetime.mjs', [port(), scenario], ALIVE_MS, lines.length)
    expect(run).toEqual({ lines, ended: false })
  })

  it('stays until what it sent before a graceful close has gone out', async () => {
    const running = runFixture('lifetime.mjs', [port(), 'lingering'], ENDS_WITHIN_MS)
    const peer = await server.accepted()
    await settle(50)
    const received = await readAll(peer)
    expect(await running).toEqual({
      lines: ['connected 0', `sent ${received.length}`, 'exit'],
      ended: true,
    })
  })
})

describe('destroy()', () => {
  it('ends many connects in flight, delivers nothing more, and gives all descriptors back', async () => {
    const before = descriptorCount()
    const h = new Harness()
    for (let i = 0; i < 300; i++) {
      const handle = h.open(to)
      h.backend.connect(handle, to)
      h.backend.register(handle, h.token(), Interest.WRITABLE)
    }
    const destroyed = h.backend.destroy()
    expect(h.backend.destroy()).toBe(destroyed)
    expect(h.backend.openHandles).toBe(0)
    await destroyed
    await settle()
    await server.closeAccepted()
    expect(h.events).toEqual([])
    expect(h.backend.open({ family: 'inet', type: 'stream' })).toBe(-errno.EBADF)
    expect(descriptorCount()).toBe(before)
  })

  it('is possible from inside the sink', async () => {
    const before = descriptorCount()
    const h = new Harness()
    const destroyed = new Promise<void>((resolve) => {
      h.inSink = () => resolve(h.backend.destroy())
    })
    for (let i = 0; i < 20; i++) {
      const handle = h.open(to)
      h.backend.connect(handle, to)
      h.backend.register(handle, h.token(), Interest.WRITABLE)
    }
    await destroyed
    expect(h.batches).toHaveLength(1)
    await settle()
    await server.closeAccepted()
    expect(descriptorCount()).toBe(before)
  })
})
