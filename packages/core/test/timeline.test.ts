/** The timeline of a connect, on a scripted backend and a clock by hand. */
import { type ConnectError, ConnectStatus, errno } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import type { ConnectTimeline } from '../src/errors/timeline.js'
import { Timeline } from '../src/errors/timeline.js'
import { microtasks, record, stage } from './harness.js'

const URI = 'tcp://192.0.2.1:80'
const FD = 17

/** The moments, in their order. */
function moments({ queuedAt, startedAt, sentAt, readyAt, finishedAt }: ConnectTimeline) {
  return [queuedAt, startedAt, sentAt, readyAt, finishedAt]
}

function timelineOf(error: unknown): ConnectTimeline {
  const { timeline } = error as ConnectError
  if (timeline === undefined) throw new Error('no timeline')
  return timeline
}

describe('the timeline of connect()', () => {
  it('has the socket’s own times, however late the loop is', () => {
    const { script, clock, reactor } = stage()
    clock.stall(100)
    const connecting = record(reactor.connect(URI))
    clock.stall(7)
    script.ready(script.sockets[0])
    clock.stall(500)
    script.deliver()
    const [connection] = connecting.values
    const { timeline } = connection ?? {}
    expect(timeline && moments(timeline)).toEqual([100, 100, 100, 107, 607])
    expect(timeline).toMatchObject({ queuedMs: 0, handshakeMs: 7, loopMs: 500 })
    connection?.reset()
  })

  it('counts the wait for its turn apart', () => {
    const { script, clock, reactor } = stage()
    const all = Array.from({ length: 129 }, () => record(reactor.connect(URI)))
    clock.stall(30)
    clock.runDeferred()
    script.deliverAll(script.sockets)
    expect(all[0]?.values[0]?.timeline).toMatchObject({ queuedAt: 0, startedAt: 0, queuedMs: 0 })
    expect(all[128]?.values[0]?.timeline).toMatchObject({
      queuedAt: 0,
      startedAt: 30,
      queuedMs: 30,
    })
    for (const { values } of all) values[0]?.reset()
  })

  it('of a refusal stands on the error, and on its attempt', () => {
    const { script, clock, reactor } = stage({ answers: { finishConnect: -errno.ECONNREFUSED } })
    const connecting = record(reactor.connect(URI))
    clock.stall(3)
    script.ready(script.sockets[0])
    clock.stall(4)
    script.deliver()
    const error = connecting.ended as ConnectError
    expect(moments(timelineOf(error))).toEqual([0, 0, 0, 3, 7])
    expect(error.attempts.map(({ timeline }) => moments(timeline))).toEqual([[0, 0, 0, 3, 7]])
  })

  it('of a failure that connect(2) told itself: the clock around the call', () => {
    const { clock, reactor } = stage({
      answers: {
        connect: () => {
          clock.stall(2)
          return -errno.ENETUNREACH
        },
      },
    })
    const connecting = record(reactor.connect(URI))
    clock.stall(5)
    clock.settle()
    expect(moments(timelineOf(connecting.ended))).toEqual([0, 0, 0, 2, 7])
  })

  it.each([
    ['socket()', { open: -errno.EMFILE }],
    ['setsockopt()', { setOption: -errno.EPERM }],
    ['bind()', { bind: -errno.EACCES }],
  ])('of a failing %s: nothing was sent', (_, answers) => {
    const { clock, reactor } = stage({ answers })
    const connecting = record(reactor.connect(URI, { mark: 1, localPort: 80 }))
    clock.settle()
    const timeline = timelineOf(connecting.ended)
    expect(moments(timeline)).toEqual([0, 0, undefined, undefined, 0])
    expect([timeline.handshakeMs, timeline.loopMs]).toEqual([undefined, undefined])
  })

  it('of a deadline: sent, and never ready', () => {
    const { clock, reactor } = stage()
    const connecting = record(reactor.connect(URI, { timeoutMs: 50 }))
    clock.advance(60)
    expect(moments(timelineOf(connecting.ended))).toEqual([0, 0, 0, undefined, 50])
  })

  it('of a deadline while waiting for a place in a backlog: no handshake ended', () => {
    const { clock, reactor } = stage({ answers: { connect: -errno.EAGAIN } })
    const connecting = record(reactor.connect('unix:/x', { timeoutMs: 10 }))
    clock.advance(10)
    expect(moments(timelineOf(connecting.ended))).toEqual([0, 0, 7, undefined, 10])
  })

  it('the same where the backlog is told with readiness, and nothing was tried since', () => {
    const { script, clock, reactor } = stage({ answers: { finishConnect: -errno.EAGAIN } })
    const connecting = record(reactor.connect('unix:/x', { timeoutMs: 0.5 }))
    script.deliverAll(script.sockets)
    clock.advance(0.5)
    expect(timelineOf(connecting.ended)).toMatchObject({ readyAt: undefined, finishedAt: 0.5 })
  })

  it('of a wait for a backlog: the last call counts', () => {
    const { script, clock, reactor } = stage()
    script.once('connect', -errno.EAGAIN)
    const connecting = record(reactor.connect('unix:/x'))
    clock.advance(1)
    clock.stall(2)
    script.deliverAll(script.sockets)
    expect(connecting.values[0]?.timeline).toMatchObject({ startedAt: 0, sentAt: 1, readyAt: 3 })
    connecting.values[0]?.reset()
  })

  it('of a signal: what there was until then', () => {
    const { clock, reactor } = stage()
    const controller = new AbortController()
    const connecting = record(reactor.connect(URI, { signal: controller.signal }))
    clock.stall(9)
    controller.abort()
    expect(moments(timelineOf(connecting.ended))).toEqual([0, 0, 0, undefined, 9])
  })

  it('of a connect that was destroyed in the queue: only its beginning and its end', async () => {
    const { clock, reactor } = stage()
    const all = Array.from({ length: 129 }, () => record(reactor.connect(URI)))
    clock.stall(4)
    await reactor.destroy()
    const timeline = timelineOf(all[128]?.ended)
    expect(moments(timeline)).toEqual([0, undefined, undefined, undefined, 4])
    expect(timeline.queuedMs).toBeUndefined()
  })

  it('of several addresses: the last socket’s, and each attempt its own', async () => {
    const resolver = { resolve: async () => ['192.0.2.1', '192.0.2.2'] }
    const { script, clock, reactor } = stage({ resolver })
    script.once('finishConnect', -errno.ECONNREFUSED)
    const connecting = record(reactor.connect('tcp://peer.test:80'))
    clock.stall(10)
    await microtasks()
    clock.stall(5)
    script.deliverAll(script.open)
    clock.stall(6)
    script.deliverAll(script.open)
    const [connection] = connecting.values
    expect(connection && moments(connection.timeline)).toEqual([0, 0, 15, 21, 21])
    expect(connection?.failedAttempts.map(({ timeline }) => moments(timeline))).toEqual([
      [10, 10, 10, 15, 15],
    ])
    connection?.reset()
  })

  it('after a self-connect, and after an exhausted address: the last socket’s', () => {
    const { script, clock, reactor } = stage()
    script.once('finishConnect', ConnectStatus.SELF_CONNECTED, -errno.EADDRNOTAVAIL)
    const localAddress = ['192.0.2.7', '192.0.2.8']
    const connecting = record(reactor.connect(URI, { localAddress }))
    for (const ms of [3, 4, 5]) {
      clock.stall(ms)
      script.deliverAll(script.open)
    }
    const [connection] = connecting.values
    expect(connection && moments(connection.timeline)).toEqual([0, 0, 7, 12, 12])
    connection?.reset()
  })

  it('of an adopted socket: unknown is undefined', () => {
    const { script, clock, reactor } = stage()
    const peerAddress = { family: 'inet', address: '192.0.2.1', port: 80 } as const
    script.descriptors.set(FD, { spec: { family: 'inet', type: 'stream' }, peerAddress })
    script.times = () => [Number.NaN, Number.NaN]
    const adopting = record(reactor.adopt(FD))
    clock.stall(1)
    clock.settle()
    const [connection] = adopting.values
    const nothing = undefined
    expect(connection && moments(connection.timeline)).toEqual([0, 0, nothing, nothing, 1])
    connection?.reset()
  })
})

describe('the timeline of connectMany()', () => {
  it('is on every outcome', () => {
    const { script, clock, reactor } = stage()
    const targets = [URI, 'nonsense', URI]
    const many = record(reactor.connectMany(targets, { onConnected: 'keep' }))
    clock.settle()
    clock.stall(2)
    script.ready(script.sockets[0])
    script.once('finishConnect', 0, -errno.ECONNREFUSED)
    script.ready(script.sockets[1])
    clock.stall(3)
    script.deliver()
    const byKind = new Map(many.values.map((outcome) => [outcome.kind, outcome.timeline]))
    expect([...byKind.keys()].sort()).toEqual(['connected', 'invalid', 'refused'])
    for (const kind of ['connected', 'refused'] as const) {
      expect(moments(byKind.get(kind) as ConnectTimeline)).toEqual([0, 0, 0, 2, 5])
    }
    const nothing = undefined
    expect(moments(byKind.get('invalid') as ConnectTimeline)).toEqual([
      0,
      nothing,
      nothing,
      nothing,
      0,
    ])
    const [kept] = many.values.filter(({ kind }) => kind === 'connected')
    if (kept?.kind !== 'connected') throw new Error('not connected')
    expect(kept.connection?.timeline).toBe(kept.timeline)
    kept.connection?.reset()
  })

  it('a target that was put aside keeps when it was pulled; the rest is the last try’s', () => {
    const { script, clock, reactor } = stage()
    script.once('open', -errno.EMFILE)
    const many = record(reactor.connectMany([URI], { onConnected: 'reset' }))
    clock.advance(10)
    clock.stall(4)
    script.deliverAll(script.open)
    const [outcome] = many.values
    expect(outcome && moments(outcome.timeline)).toEqual([0, 10, 10, 14, 14])
    expect(outcome?.timeline.queuedMs).toBe(10)
    expect(outcome?.elapsedMs).toBe(4)
  })
})

describe('times of a backend', () => {
  it('that writes none are not those of the connect before', () => {
    const { script, clock, reactor } = stage()
    const all = [1, 2].map(() => record(reactor.connect(URI)))
    clock.stall(3)
    script.deliverAll([script.sockets[0] as never])
    script.times = () => [] as never
    script.deliverAll([script.sockets[1] as never])
    const ready = all.map(({ values }) => values[0]?.timeline.readyAt)
    expect(ready).toEqual([3, undefined])
    for (const { values } of all) values[0]?.reset()
  })

  const NOTHING = undefined
  it.each([
    ['as they are', [5, 6], [5, 6]],
    ['unknown', [Number.NaN, Number.NaN], [4, NOTHING]],
    ['rounded to before the start', [1.5, 6], [2, 6]],
    ['rounded to after the end', [5, 10.5], [5, 10]],
    ['in the wrong order', [6, 5], [6, 6]],
    ['of another clock', [5_000, 5_001], [4, NOTHING]],
    ['of another clock, which began later', [-50, -40], [4, NOTHING]],
  ] as const)('%s: %j are told as %j', (_, [sentAt, readyAt], told) => {
    const timeline = new Timeline(1, 2, 10, { calledAt: 4, sentAt, readyAt })
    expect([timeline.sentAt, timeline.readyAt]).toEqual(told)
  })
})
