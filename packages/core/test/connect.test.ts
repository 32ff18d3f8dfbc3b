/** connect() on a scripted backend: the answers of every system call, in every order. */
import { type ConnectError, ConnectStatus, errno } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { microtasks, record, stage, uncaughtErrors } from './harness.js'

const URI = 'tcp://192.0.2.1:80'

describe('one attempt', () => {
  it.each([
    ['0', 0],
    ['EINPROGRESS', -errno.EINPROGRESS],
    ['EINTR', -errno.EINTR],
  ])('connect() that answers %s waits for WRITABLE, then finishes', (_name, answer) => {
    const { script, clock, reactor } = stage({ answers: { connect: answer } })
    const connecting = record(reactor.connect(URI))
    expect(script.sockets[0]?.address).toEqual({ family: 'inet', address: '192.0.2.1', port: 80 })
    expect(script.sockets[0]?.registration?.interest).toBe(2)
    clock.settle()
    expect(connecting.outcome).toBe('open')
    script.deliverAll(script.sockets)
    expect([connecting.values.length, connecting.outcome]).toEqual([1, 'complete'])
    connecting.values[0]?.reset()
    expect(script.sockets[0]?.closed).toBe('reset')
  })

  it.each([
    ['socket', 'open', errno.EMFILE, 'local', true],
    ['socket', 'open', errno.EAFNOSUPPORT, 'local', true],
    ['connect', 'connect', errno.ENETUNREACH, 'connect', false],
    ['connect', 'connect', errno.EADDRNOTAVAIL, 'local', true],
    ['connect', 'connect', errno.EACCES, 'local', true],
    ['connect', 'connect', errno.EAGAIN, 'local', true],
    ['connect', 'connect', errno.ENOPROTOOPT, 'local', true],
    ['connect', 'finishConnect', errno.ENOPROTOOPT, 'connect', false],
    ['connect', 'finishConnect', errno.EACCES, 'connect', false],
    ['epoll_ctl', 'register', errno.ENOSPC, 'local', true],
    ['connect', 'finishConnect', errno.ECONNREFUSED, 'connect', false],
    ['connect', 'finishConnect', errno.EHOSTUNREACH, 'connect', false],
    ['connect', 'finishConnect', errno.ETIMEDOUT, 'connect', false],
    ['connect', 'finishConnect', 9_999, 'connect', false],
  ] as const)(
    'a failing %s (%s answers %i): phase %s, local %s',
    (syscall, call, number, phase, localFault) => {
      const { script, clock, reactor } = stage({ answers: { [call]: -number } })
      const connecting = record(reactor.connect(URI))
      clock.settle()
      if (call === 'finishConnect') script.deliverAll(script.sockets)
      const error = connecting.ended as ConnectError
      expect(error).toMatchObject({
        name: 'ConnectError',
        syscall,
        errno: -number,
        phase,
        localFault,
      })
      expect(error.message).toMatch(/^\S+ \S+ 192\.0\.2\.1:80: .+$/)
      expect(error).toMatchObject({ address: '192.0.2.1', port: 80 })
      expect(error.timedOutBy).toBe(number === errno.ETIMEDOUT ? 'kernel' : undefined)
      expect(error.attempts).toHaveLength(1)
      expect(reactor.stats()).toMatchObject({ failed: 1, inFlight: 0, registrations: 0 })
    },
  )

  it('spurious readiness is waited on', () => {
    const { script, reactor } = stage()
    const connecting = record(reactor.connect(URI))
    for (let i = 0; i < 3; i++) {
      script.once('finishConnect', ConnectStatus.PENDING)
      script.deliverAll(script.sockets)
      expect(connecting.outcome).toBe('open')
      expect(script.sockets[0]?.registration).toBeDefined()
    }
    script.deliverAll(script.sockets)
    expect(connecting.outcome).toBe('complete')
    expect(script.sockets).toHaveLength(1)
    connecting.values[0]?.reset()
  })

  it('a socket that connected to itself is closed, and another opened, twice', () => {
    const { script, reactor } = stage({ answers: { finishConnect: ConnectStatus.SELF_CONNECTED } })
    const connecting = record(reactor.connect(URI))
    for (let i = 0; i < 3; i++) {
      expect(script.open).toHaveLength(1)
      script.deliverAll(script.open)
    }
    expect(script.sockets).toHaveLength(3)
    expect(connecting.ended).toMatchObject({ code: 'EADDRNOTAVAIL', localFault: true })
  })

  it('a full unix backlog is tried again after 1, 2, 4, ... 50 ms, on the same socket', () => {
    const times: number[] = []
    const connect = () => {
      times.push(clock.now())
      return times.length < 10 ? -errno.EAGAIN : 0
    }
    const { script, clock, reactor } = stage({ answers: { connect } })
    const connecting = record(reactor.connect('unix:/x'))
    clock.advance(1_000)
    expect(times).toEqual([0, 1, 3, 7, 15, 31, 63, 113, 163, 213])
    expect(script.sockets).toHaveLength(1)
    script.deliverAll(script.sockets)
    expect(connecting.outcome).toBe('complete')
    connecting.values[0]?.reset()
  })

  it('the policy is asked again before each further try: it may have changed meanwhile', () => {
    const { script, clock, reactor } = stage({ answers: { connect: -errno.EAGAIN } })
    const answers = [true, true, false]
    const policy = {
      check: () => ({ allowed: answers.shift() ?? true, rule: 'test', reason: 'not any more' }),
    }
    const connecting = record(reactor.connect('unix:/x', { policy }))
    clock.advance(1_000)
    expect(connecting.ended).toMatchObject({ code: 'ERR_DENIED' })
    expect(script.sockets[0]?.connects).toHaveLength(2)
    expect(script.open).toEqual([])
  })

  it.each([
    ['aborts', 1],
    ['aborts', 2],
    ['destroys', 1],
    ['destroys', 2],
  ])(
    'a policy that %s when it is asked, the time %d: all ends, and nothing is thrown',
    async (how, time) => {
      const errors = uncaughtErrors()
      const { script, clock, reactor } = stage({ answers: { connect: -errno.EAGAIN } })
      const controller = new AbortController()
      let asked = 0
      const check = () => {
        if (++asked === time && how === 'aborts') controller.abort()
        else if (asked === time) void reactor.destroy()
        return { allowed: true, rule: 'test', reason: '' }
      }
      const { signal } = controller
      const many = record(
        reactor.connectMany(['unix:/x', 'unix:/y'], { policy: { check }, concurrency: 1, signal }),
      )
      clock.advance(1_000)
      await microtasks()
      expect(many.outcome).toBe(how === 'aborts' ? 'ABORT_ERR' : 'ERR_REACTOR_DESTROYED')
      expect([errors, script.open, asked]).toEqual([[], [], time])
    },
  )

  it('EAGAIN told by finishConnect() is a full backlog too', () => {
    const { script, clock, reactor } = stage()
    script.once('finishConnect', -errno.EAGAIN)
    const connecting = record(reactor.connect('unix:/x'))
    script.deliverAll(script.sockets)
    expect([connecting.outcome, script.sockets[0]?.connects.length]).toEqual(['open', 1])
    clock.advance(1)
    expect(script.sockets[0]?.connects).toHaveLength(2)
    script.deliverAll(script.sockets)
    connecting.values[0]?.reset()
  })

  it.each(['deadline', 'unsubscribe', 'destroy'])(
    '%s while a full backlog is waited for',
    (how) => {
      const { script, clock, reactor } = stage({ answers: { connect: -errno.EAGAIN } })
      const connecting = record(reactor.connect('unix:/x', { timeoutMs: 100 }))
      clock.advance(20)
      if (how === 'deadline') clock.advance(80)
      else if (how === 'unsubscribe') connecting.subscription.unsubscribe()
      else void reactor.destroy()
      expect(script.open).toEqual([])
      expect(connecting.outcome).toBe(
        { deadline: 'ETIMEDOUT', unsubscribe: 'open', destroy: 'ERR_REACTOR_DESTROYED' }[how],
      )
      const { length } = script.sockets[0]?.connects ?? []
      clock.advance(1_000)
      expect(script.sockets[0]?.connects).toHaveLength(length)
    },
  )
})

describe('batches and tokens', () => {
  it('stale tokens find nobody', () => {
    const { script, reactor } = stage()
    const cancelled = record(reactor.connect(URI))
    const token = script.sockets[0]?.registration?.token ?? 0
    cancelled.subscription.unsubscribe()
    const connecting = record(reactor.connect(URI))
    for (const stale of [token, 12_345, 0]) script.stage(stale)
    script.deliver()
    expect(reactor.stats()).toMatchObject({ batches: 1, events: 3, staleEvents: 3 })
    expect([cancelled.outcome, connecting.outcome]).toEqual(['open', 'open'])
    connecting.subscription.unsubscribe()
  })

  it('an event that comes twice for one registration is one event', () => {
    const { script, reactor } = stage()
    const connecting = record(reactor.connect(URI))
    const token = script.sockets[0]?.registration?.token ?? 0
    script.stage(token)
    script.stage(token)
    script.deliver()
    expect([connecting.values.length, reactor.stats().staleEvents]).toEqual([1, 1])
    connecting.values[0]?.reset()
  })

  it('tokens are never used again', () => {
    const { script, reactor } = stage()
    const seen = new Set<number>()
    for (let i = 0; i < 50; i++) {
      const connecting = record(reactor.connect(URI))
      seen.add(script.sockets[i]?.registration?.token ?? 0)
      connecting.subscription.unsubscribe()
    }
    expect(seen.size).toBe(50)
  })

  it('a poller that breaks ends everything with its cause', () => {
    const { script, clock, reactor } = stage()
    const connecting = record(reactor.connect(URI))
    const cause = new Error('epoll_wait')
    script.breakDown(cause)
    expect(connecting.ended).toMatchObject({ code: 'ERR_BACKEND_BROKEN', cause })
    const late = record(reactor.connect(URI))
    clock.settle()
    expect(late.outcome).toBe('ERR_BACKEND_BROKEN')
  })

  it.each(['open', 'connect', 'register', 'finishConnect'] as const)(
    'a backend that throws in %s() fails the attempt, and closes its socket',
    (call) => {
      const cause = new Error('bug')
      const thrower = (): never => {
        throw cause
      }
      const { script, clock, reactor } = stage({ answers: { [call]: thrower } })
      const connecting = record(reactor.connect(URI))
      script.deliverAll(script.open)
      clock.settle()
      expect(connecting.ended).toMatchObject({ code: 'ERR_BACKEND_BROKEN', phase: 'local', cause })
      expect(script.open).toEqual([])
      expect(reactor.stats().inFlight).toBe(0)
    },
  )

  it('a burst is started 128 a turn', () => {
    const { script, clock, reactor } = stage()
    const all = Array.from({ length: 300 }, () => record(reactor.connect(URI)))
    expect([script.sockets.length, reactor.stats().queued]).toEqual([128, 172])
    all[299]?.subscription.unsubscribe()
    clock.runDeferred()
    expect(script.sockets).toHaveLength(256)
    clock.settle()
    expect(script.sockets).toHaveLength(299)
    for (const { subscription } of all) subscription.unsubscribe()
  })
})

describe('capabilities', () => {
  const ONLY_STREAMS = { inet: ['stream'], inet6: [], unix: ['stream'], vsock: [] } as const

  it.each([
    [
      'unix:/x',
      { sockets: { inet: ['stream'], inet6: ['stream'], unix: [], vsock: [] } },
      'unix sockets',
    ],
    ['unix:@x', { abstractUnix: false }, 'abstract unix names'],
    ['unixgram:@x', { abstractUnix: false }, 'abstract unix names'],
    ['unixgram:/x', { sockets: ONLY_STREAMS }, 'unixgram sockets'],
    ['unixpacket:/x', { sockets: ONLY_STREAMS }, 'unixpacket sockets'],
    ['udp://192.0.2.1:53', { sockets: ONLY_STREAMS }, 'udp sockets over inet'],
    ['udp://peer.test:53', { sockets: ONLY_STREAMS }, 'udp sockets'],
    ['tcp://[2001:db8::1]:80', { sockets: ONLY_STREAMS }, 'tcp sockets over inet6'],
    ['vsock://2:1024', { sockets: ONLY_STREAMS }, 'vsock sockets'],
  ] as const)('%s without %j is ERR_UNSUPPORTED', (uri, capabilities, what) => {
    const { clock, reactor } = stage({ capabilities })
    const connecting = record(reactor.connect(uri))
    clock.settle()
    expect(connecting.ended).toMatchObject({
      code: 'ERR_UNSUPPORTED',
      phase: 'local',
      localFault: true,
    })
    expect(String(connecting.ended)).toContain(what)
  })

  it.each([
    ['tcp://192.0.2.1:80', 'inet', 'stream'],
    ['udp://[2001:db8::1]:53', 'inet6', 'dgram'],
    ['unix:/x', 'unix', 'stream'],
    ['unixgram:/x', 'unix', 'dgram'],
    ['unixpacket:@x', 'unix', 'seqpacket'],
    ['vsock://2:1024', 'vsock', 'stream'],
  ] as const)('%s is a socket of %s, %s', (uri, family, type) => {
    const { script, reactor } = stage()
    const connecting = record(reactor.connect(uri))
    expect(script.sockets[0]?.spec).toEqual({ family, type })
    script.deliverAll(script.sockets)
    expect(connecting.values[0]?.type).toBe(type)
    connecting.values[0]?.reset()
  })
})
