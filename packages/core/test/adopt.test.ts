/** adopt() on a scripted backend: descriptors in every state, and who owns them when. */
import { type ConnectError, ConnectStatus, errno } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { record, stage } from './harness.js'

const PEER = { family: 'inet', address: '192.0.2.1', port: 80 } as const
const STREAM = { family: 'inet', type: 'stream' } as const
const FD = 17

function withDescriptor(options: Parameters<typeof stage>[0] = {}) {
  const set = stage(options)
  set.script.descriptors.set(FD, { spec: STREAM, peerAddress: PEER })
  return set
}

describe('adopt()', () => {
  it('a connected socket: emits its connection in a later turn, and completes', () => {
    const { script, clock, reactor } = withDescriptor()
    const adopting = record(reactor.adopt(FD))
    expect(adopting.outcome).toBe('open')
    clock.settle()
    expect(adopting.outcome).toBe('complete')
    const [connection] = adopting.values
    expect(connection).toMatchObject({
      endpoint: { scheme: 'tcp', host: '192.0.2.1', port: 80 },
      peerAddress: PEER,
      type: 'stream',
      failedAttempts: [],
    })
    expect(script.sockets).toMatchObject([{ adopted: FD, connects: [] }])
    expect(reactor.stats()).toMatchObject({ started: 1, connected: 1, open: 1, inFlight: 0 })
    connection?.reset()
  })

  it('is cold: nothing is taken before somebody subscribes', () => {
    const { script, reactor } = withDescriptor()
    reactor.adopt(FD)
    expect(script.sockets).toEqual([])
    expect(script.descriptors.size).toBe(1)
  })

  it('one that is still connecting is waited for', () => {
    const { script, clock, reactor } = withDescriptor()
    script.once('finishConnect', ConnectStatus.PENDING, ConnectStatus.PENDING)
    const adopting = record(reactor.adopt(FD))
    for (let i = 0; i < 2; i++) {
      clock.settle()
      expect(adopting.outcome).toBe('open')
      script.deliverAll(script.sockets)
    }
    expect(adopting.outcome).toBe('complete')
    adopting.values[0]?.reset()
  })

  it('one that was lost before it was looked at is no connection any more: its error, and it is closed', () => {
    const finishConnect = ConnectStatus.LOST + errno.ECONNRESET
    const { script, clock, reactor } = withDescriptor({ answers: { finishConnect } })
    const adopting = record(reactor.adopt(FD))
    clock.settle()
    expect(adopting.ended).toMatchObject({
      code: 'ECONNRESET',
      phase: 'connect',
      localFault: false,
    })
    expect(script.sockets).toMatchObject([{ closed: 'reset' }])
  })

  it('one that never gets there: ETIMEDOUT by the deadline, and it is closed', () => {
    const { script, clock, reactor } = withDescriptor({
      answers: { finishConnect: ConnectStatus.PENDING },
    })
    const adopting = record(reactor.adopt(FD, { timeoutMs: 50 }))
    clock.advance(50)
    expect(adopting.ended).toMatchObject({ code: 'ETIMEDOUT', timedOutBy: 'deadline' })
    expect(script.sockets[0]?.closed).toBe('reset')
  })

  it.each(['ECONNREFUSED', 'ECONNRESET', 'EAGAIN'] as const)(
    'one that has failed: %s, in a later turn, and it is closed',
    (code) => {
      const { script, clock, reactor } = withDescriptor({
        answers: { finishConnect: -errno[code] },
      })
      const adopting = record(reactor.adopt(FD, { endpoint: 'tcp://peer.test:80' }))
      expect(adopting.outcome).toBe('open')
      clock.settle()
      expect(adopting.ended).toMatchObject({
        ...{ code, syscall: 'connect', attempts: [] },
        endpoint: { host: 'peer.test' },
      })
      expect(script.sockets[0]?.closed).toBe('reset')
    },
  )

  it('one that is connected to itself can not be tried again', () => {
    const { script, clock, reactor } = withDescriptor({
      answers: { finishConnect: ConnectStatus.SELF_CONNECTED },
    })
    const adopting = record(reactor.adopt(FD))
    clock.settle()
    expect(adopting.outcome).toBe('EADDRNOTAVAIL')
    expect(script.sockets).toHaveLength(1)
  })

  it.each(['EBADF', 'ENOTSOCK', 'EINVAL', 'EPROTONOSUPPORT'] as const)(
    'what is no such socket: %s, phase local; it stays the caller’s, who may try again',
    (code) => {
      const { script, clock, reactor } = withDescriptor()
      script.once('adopt', -errno[code])
      const adopting = reactor.adopt(FD)
      const refused = record(adopting)
      expect(refused.outcome).toBe('open')
      clock.settle()
      expect(refused.ended).toMatchObject({
        ...{ code, errno: -errno[code], syscall: 'adopt', phase: 'local', localFault: true },
      })
      expect(script.descriptors.has(FD)).toBe(true)
      const again = record(adopting)
      clock.settle()
      expect(again.outcome).toBe('complete')
      again.values[0]?.reset()
    },
  )

  it('a second subscription gets EBADF, and the kernel is not asked: the number may be another file’s', () => {
    const { script, clock, reactor } = withDescriptor()
    const adopting = reactor.adopt(FD)
    const first = record(adopting)
    clock.settle()
    first.values[0]?.reset()
    script.descriptors.set(FD, { spec: STREAM, peerAddress: PEER })
    const second = record(adopting)
    clock.settle()
    expect(second.ended).toMatchObject({ code: 'EBADF', phase: 'local' })
    expect((second.ended as ConnectError).message).toContain('adopted before')
    expect(script.descriptors.has(FD)).toBe(true)
  })

  it('cancelled while connecting, or found connected and not told yet: closed, and nothing told', () => {
    for (const status of [ConnectStatus.PENDING, ConnectStatus.CONNECTED, -errno.ECONNREFUSED]) {
      const { script, clock, reactor } = withDescriptor({ answers: { finishConnect: status } })
      const adopting = record(reactor.adopt(FD))
      adopting.subscription.unsubscribe()
      expect(script.sockets[0]?.closed).toBe('reset')
      clock.settle()
      expect([adopting.outcome, adopting.values.length]).toEqual(['open', 0])
      expect(reactor.stats()).toMatchObject({ cancelled: 1, open: 0, inFlight: 0 })
    }
  })

  it('aborted by its signal, before and during', () => {
    const { script, clock, reactor } = withDescriptor()
    const controller = new AbortController()
    const during = record(reactor.adopt(FD, { signal: controller.signal }))
    controller.abort()
    expect(during.outcome).toBe('ABORT_ERR')
    expect(script.sockets[0]?.closed).toBe('reset')
    script.descriptors.set(FD, { spec: STREAM, peerAddress: PEER })
    const before = record(reactor.adopt(FD, { signal: controller.signal }))
    clock.settle()
    expect(before.ended).toMatchObject({ code: 'ABORT_ERR', phase: 'aborted' })
    expect(script.descriptors.has(FD)).toBe(false)
    expect(script.sockets[1]?.closed).toBe('reset')
    const none = record(reactor.adopt(FD, { signal: controller.signal }))
    clock.settle()
    expect(none.ended).toMatchObject({ code: 'EBADF', phase: 'local' })
  })

  it('on a reactor that is destroyed: not taken, and local', async () => {
    const { script, clock, reactor } = withDescriptor()
    await reactor.destroy()
    const adopting = record(reactor.adopt(FD))
    clock.settle()
    const told = { code: 'ERR_REACTOR_DESTROYED', phase: 'local', localFault: true }
    expect(adopting.ended).toMatchObject(told)
    expect(script.descriptors.has(FD)).toBe(true)
  })

  it.each(['unsubscribed from', 'destroyed'])(
    '%s while it waits for its turn: closed',
    async (how) => {
      const { script, reactor } = withDescriptor()
      const others = Array.from({ length: 200 }, () =>
        record(reactor.connect('tcp://192.0.2.1:80')),
      )
      const adopting = record(reactor.adopt(FD))
      expect(script.descriptors.has(FD)).toBe(true)
      if (how === 'destroyed') await reactor.destroy()
      else adopting.subscription.unsubscribe()
      expect(script.descriptors.has(FD)).toBe(false)
      expect(script.sockets.at(-1)).toMatchObject({ adopted: FD, closed: 'reset' })
      for (const { subscription } of others) subscription.unsubscribe()
    },
  )

  it.each(['destroyed', 'aborted'])(
    'refused, and %s before that is told: it is told as refused, since it is the caller’s',
    async (how) => {
      const { script, reactor } = withDescriptor()
      const controller = new AbortController()
      script.once('adopt', -errno.ENOTSOCK)
      const adopting = record(reactor.adopt(FD, { signal: controller.signal }))
      if (how === 'destroyed') await reactor.destroy()
      else controller.abort()
      expect(adopting.ended).toMatchObject({ code: 'ENOTSOCK', phase: 'local', localFault: true })
      expect(script.descriptors.has(FD)).toBe(true)
    },
  )

  it.each(['destroyed', 'aborted'])(
    'refused when it is %s while it waits for its turn: told as refused',
    async (how) => {
      const { script, reactor } = withDescriptor()
      const controller = new AbortController()
      const others = Array.from({ length: 200 }, () =>
        record(reactor.connect('tcp://192.0.2.1:80')),
      )
      const adopting = record(reactor.adopt(FD, { signal: controller.signal }))
      script.once('adopt', -errno.ENOTSOCK)
      if (how === 'destroyed') await reactor.destroy()
      else controller.abort()
      expect(adopting.ended).toMatchObject({ code: 'ENOTSOCK', phase: 'local', localFault: true })
      for (const { subscription } of others) subscription.unsubscribe()
    },
  )

  it.each([-errno.EACCES, -errno.EINVAL, ConnectStatus.SELF_CONNECTED])(
    'what ends in %d is closed, and so not told as local',
    (status) => {
      const { script, clock, reactor } = withDescriptor({ answers: { finishConnect: status } })
      const adopting = record(reactor.adopt(FD))
      clock.settle()
      expect(adopting.ended).toMatchObject({ phase: 'connect' })
      expect(script.sockets[0]?.closed).toBe('reset')
    },
  )

  it('the reactor is destroyed before it is told', async () => {
    const { script, reactor } = withDescriptor()
    const adopting = record(reactor.adopt(FD))
    await reactor.destroy()
    expect(adopting.outcome).toBe('ERR_REACTOR_DESTROYED')
    expect(script.sockets[0]?.closed).toBe('reset')
  })

  it.each([
    [{ family: 'unix', path: '' }, 'stream', { scheme: 'unix', path: '' }],
    [{ family: 'unix', path: '/x' }, 'seqpacket', { scheme: 'unixpacket', path: '/x' }],
    [PEER, 'dgram', { scheme: 'udp', host: '192.0.2.1', port: 80 }],
    [{ family: 'vsock', cid: 2, port: 9 }, 'stream', { scheme: 'vsock', cid: 2, port: 9 }],
  ] as const)('a peer at %j, %s, is the endpoint %j', (peerAddress, type, endpoint) => {
    const { script, clock, reactor } = stage()
    script.descriptors.set(0, { spec: { family: peerAddress.family, type }, peerAddress })
    const adopting = record(reactor.adopt(0))
    clock.settle()
    expect(adopting.values[0]).toMatchObject({ endpoint, type })
    adopting.values[0]?.reset()
  })

  it('a peer for which no endpoint stands: closed with a typed error, unless one is given', () => {
    const { script, clock, reactor } = stage()
    const spec = { family: 'vsock', type: 'seqpacket' } as const
    const peerAddress = { family: 'vsock', cid: 2, port: 9 } as const
    script.descriptors.set(3, { spec, peerAddress })
    script.descriptors.set(4, { spec, peerAddress })
    const [failed, named] = [
      record(reactor.adopt(3)),
      record(reactor.adopt(4, { endpoint: 'vsock://2:9' })),
    ]
    clock.settle()
    expect(failed.ended).toMatchObject({
      ...{ code: 'ERR_UNSUPPORTED', phase: 'connect', localFault: true },
    })
    expect(script.sockets[0]?.closed).toBe('reset')
    expect(named.values[0]).toMatchObject({ type: 'seqpacket' })
    named.values[0]?.reset()
  })

  it('a peer that is gone when its address is asked for: ENOTCONN', () => {
    const { script, clock, reactor } = stage()
    script.descriptors.set(FD, { spec: STREAM })
    const adopting = record(reactor.adopt(FD))
    clock.settle()
    expect(adopting.outcome).toBe('ENOTCONN')
    expect(script.sockets[0]?.closed).toBe('reset')
  })

  it('where the backend has no sockets of the kernel’s: ERR_UNSUPPORTED', () => {
    const { clock, reactor } = stage({ capabilities: { kernelSockets: false } })
    const adopting = record(reactor.adopt(FD))
    clock.settle()
    expect(adopting.ended).toMatchObject({ code: 'ERR_UNSUPPORTED', phase: 'local' })
  })

  it.each([-1, 1.5, Number.NaN, 2 ** 31, '5' as never])('%s is no descriptor', (descriptor) => {
    expect(() => stage().reactor.adopt(descriptor)).toThrow(RangeError)
  })

  it('options that can not be meant are thrown at once', () => {
    const { reactor } = stage()
    expect(() => reactor.adopt(FD, { timeout: 5 } as never)).toThrow(/did you mean timeoutMs/)
    expect(() => reactor.adopt(FD, { timeoutMs: 0 })).toThrow(RangeError)
    expect(() => reactor.adopt(FD, { endpoint: 'nonsense' })).toThrow(/not an endpoint/)
  })
})

it('adoptSocket(): a bare socket, to be asked how it stands', () => {
  const { reactor } = withDescriptor()
  const socket = reactor.adoptSocket(FD)
  expect([socket.family, socket.type, socket.finishConnect()]).toEqual(['inet', 'stream', 'OK'])
  expect(socket.peerAddress).toEqual(PEER)
  socket.close()
  expect(() => reactor.adoptSocket(FD)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})
