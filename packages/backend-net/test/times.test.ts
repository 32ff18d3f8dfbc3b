/** When a connect started and ended, by JavaScript's own clock. */
import { errno, Interest, type SocketAddress } from '@pollout/core'
import { expect, it } from 'vitest'
import { closedPort, useWorld } from './harness.js'
import { TestPeer } from './test-peer.js'

const BLOCKED_MS = 30
const world = useWorld()

it.each<[string, number, () => Promise<SocketAddress>]>([
  ['succeeds', 0, () => world.server.listen({ host: '127.0.0.1' })],
  ['is refused', -errno.ECONNREFUSED, closedPort],
  ['has no such path', -errno.ENOENT, async () => ({ family: 'unix', path: '/nowhere/s' })],
  ['has no such address', -errno.EINVAL, async () => ({ family: 'unix', path: '' })],
])('of a connect that %s', async (_name, status, address) => {
  const to = await address()
  const handle = world.h.open(to)
  const times = new Float64Array(2)
  const before = performance.now()
  world.h.backend.connect(handle, to)
  expect(world.h.backend.finishConnect(handle, times)).toBe(status === -errno.EINVAL ? status : 1)
  if (status !== -errno.EINVAL) {
    expect(times).toEqual(new Float64Array(2))
    await world.h.ready(handle, Interest.WRITABLE)
    expect(world.h.backend.finishConnect(handle, times)).toBe(status)
  }
  const [started = 0, ended = 0] = times
  expect(started).toBeGreaterThanOrEqual(before)
  expect(ended).toBeGreaterThanOrEqual(started)
  expect(performance.now()).toBeGreaterThanOrEqual(ended)
})

it('leave out what the caller does before the loop gets to connect(2)', async () => {
  const to = await world.server.listen({ host: '127.0.0.1' })
  const handle = world.h.open(to)
  world.h.backend.connect(handle, to)
  const until = performance.now() + BLOCKED_MS
  while (performance.now() < until);
  await world.h.ready(handle, Interest.WRITABLE)
  const times = new Float64Array(2)
  world.h.backend.finishConnect(handle, times)
  expect(times[0]).toBeGreaterThanOrEqual(until)
})

it('of a datagram socket are those of the call', async () => {
  const peer = new TestPeer()
  const to = await peer.bind()
  const handle = world.h.open(to, 'dgram')
  const times = new Float64Array(2)
  const before = performance.now()
  world.h.backend.connect(handle, to)
  const after = performance.now()
  world.h.backend.finishConnect(handle, times)
  const [started = 0, ended = 0] = times
  expect([before, started, ended, after].toSorted((a, b) => a - b)).toEqual([
    before,
    started,
    ended,
    after,
  ])
  await peer.close()
})
