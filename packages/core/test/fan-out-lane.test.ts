/** What a fan-out makes of its bulk lane: kept sockets, ends in the middle of a batch, tries anew, and a lane that can't be had. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { errno, type Outcome } from '@pollout/core'
import { scriptedBackend } from '@pollout/testing'
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { createReactor } from '../src/reactor.js'
import { LANES, record, stage } from './harness.js'

const URI = 'tcp://192.0.2.1:80'
const KEEP = { onConnected: 'keep' } as const

function targets(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `tcp://192.0.2.1:${i + 1}`)
}

/** By which something keeps the process alive. */
function referencedTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

describe('a kept connection', () => {
  it('is made at the first look, counts as open before that, and is closed by its user', async () => {
    const { script, clock, reactor } = stage({ bulk: true })
    const many = record(reactor.connectMany(targets(2), KEEP))
    clock.settle()
    script.deliverAll(script.open)
    expect(reactor.stats()).toMatchObject({ open: 2, connected: 2, inFlight: 0 })
    for (const outcome of many.values) {
      if (outcome.kind !== 'connected') throw new Error(outcome.code)
      const { connection } = outcome
      expect(outcome.connection).toBe(connection)
      expect(connection.peerAddress).toEqual(outcome.address)
      expect(connection.endpoint).toEqual({
        scheme: 'tcp',
        host: '192.0.2.1',
        port:
          connection.peerAddress && 'port' in connection.peerAddress
            ? connection.peerAddress.port
            : 0,
      })
      expect(reactor.stats().open).toBe(2)
    }
    for (const outcome of many.values) if (outcome.kind === 'connected') outcome.connection.reset()
    expect(reactor.stats().open).toBe(0)
    expect(script.open).toEqual([])
  })

  it('that nobody has looked at is closed with the reactor, and closed it is when looked at later', async () => {
    // close() on what destroy() has closed is harmless; a strict script takes offence at it.
    const { script, clock, reactor } = stage({ bulk: true, strict: false })
    const many = record(reactor.connectMany([URI], KEEP))
    clock.settle()
    script.deliverAll(script.open)
    await reactor.destroy()
    expect(script.open).toEqual([])
    expect(reactor.stats().open).toBe(0)
    const [outcome] = many.values
    expect(outcome?.kind === 'connected' && outcome.connection.closed).toBe(true)
    expect(reactor.stats().open).toBe(0)
  })

  it.each(['unsubscribe', 'destroy'] as const)(
    '%s at the first of a batch: the others are closed',
    (how) => {
      const { script, clock, reactor } = stage({ bulk: true })
      const told: Outcome[] = []
      const running = reactor.connectMany(targets(5), KEEP).subscribe({
        next(outcome) {
          told.push(outcome)
          if (how === 'unsubscribe') running.unsubscribe()
          else void reactor.destroy()
        },
        error: () => {},
      })
      clock.settle()
      expect(script.open).toHaveLength(5)
      script.deliverAll(script.open)
      expect(told).toHaveLength(1)
      expect(script.open).toHaveLength(how === 'unsubscribe' ? 1 : 0)
      const [first] = told
      if (how === 'unsubscribe' && first?.kind === 'connected') first.connection?.reset()
    },
  )
})

describe.each(LANES)('%s', (_lane, bulk) => {
  it('connected to itself: twice tried anew at once, then as where no port is left', () => {
    const { script, clock, reactor } = stage({ bulk })
    script.once('finishConnect', 2, 2, 2)
    const many = record(reactor.connectMany([URI], { onConnected: 'reset', timeoutMs: 1_000 }))
    clock.settle()
    for (let tries = 1; tries <= 3; tries++) {
      expect(script.sockets).toHaveLength(tries)
      script.deliverAll(script.open)
      clock.settle()
    }
    expect(script.open).toEqual([])
    clock.advance(10)
    expect(script.open).toHaveLength(1)
    script.deliverAll(script.open)
    clock.settle()
    expect(many.values.map(({ kind }) => kind)).toEqual(['connected'])
  })

  it('connected to itself, and then no time left: the deadline', () => {
    const { script, clock, reactor } = stage({ bulk, answers: { finishConnect: 2 } })
    const many = record(reactor.connectMany([URI], { timeoutMs: 20 }))
    clock.advance(15)
    script.deliverAll(script.open)
    clock.advance(4)
    expect(many.values).toEqual([])
    clock.advance(2)
    expect(many.values).toMatchObject([{ kind: 'timed-out', timedOutBy: 'deadline' }])
  })

  it.each([
    [1, true],
    [2, true],
    [2, false],
  ])('a policy that ends it all when asked for the %i. time, allowing: %s', (last, allowed) => {
    const { script, clock, reactor } = stage({ bulk })
    script.once('finishConnect', 2)
    let asked = 0
    const policy = {
      check() {
        if (++asked < last) return { allowed: true, rule: 'r', reason: 'yes' }
        many.subscription.unsubscribe()
        return { allowed, rule: 'r', reason: 'last' }
      },
    }
    const before = referencedTimers()
    const many = record(reactor.connectMany([URI], { policy, onConnected: 'reset' }))
    clock.settle()
    script.deliverAll(script.open)
    clock.settle()
    expect(asked).toBe(last)
    expect(many.values).toEqual([])
    expect(script.open).toEqual([])
    expect(reactor.stats()).toMatchObject({ inFlight: 0, connected: 0, failed: 0 })
    // Else the process would live for ever.
    expect(referencedTimers()).toBe(before)
  })

  it('a pool of sources: the next one where ports have run out, by bind and by connect', () => {
    const { script, clock, reactor } = stage({ bulk })
    script.once('bind', -errno.EADDRINUSE)
    script.once('connect', -errno.EADDRNOTAVAIL)
    const localAddress = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '2001:db8::1']
    const many = record(reactor.connectMany([URI], { localAddress, onConnected: 'reset' }))
    clock.settle()
    script.deliverAll(script.open)
    expect(many.values.map(({ kind }) => kind)).toEqual(['connected'])
    expect(script.sockets.at(-1)?.bound).toEqual({ family: 'inet', address: '10.0.0.3', port: 0 })
    expect(script.sockets.at(-1)?.options.get('bindAddressNoPort')).toBe(true)
  })

  it('a range of ports from a pool, for both families', () => {
    const { script, clock, reactor } = stage({ bulk })
    const localAddress = ['10.0.0.1', '2001:db8::1']
    const both = [URI, 'tcp://[2001:db8::2]:80', URI]
    const options = { localAddress, localPort: [7, 8], onConnected: 'reset' } as const
    const many = record(reactor.connectMany(both, options))
    clock.settle()
    const bound = script.open.map((socket) => socket.bound)
    expect(bound).toEqual([
      { family: 'inet', address: '10.0.0.1', port: 7 },
      { family: 'inet6', address: '2001:db8::1', port: 8 },
      { family: 'inet', address: '10.0.0.1', port: 7 },
    ])
    script.deliverAll(script.open)
    clock.settle()
    expect(many.outcome).toBe('complete')
  })

  it('says what failed, by the same words', () => {
    const { script, clock, reactor } = stage({ bulk })
    script.once('setOption', -errno.EPERM)
    const options = { noDelay: true, localAddress: '10.0.0.1', timeoutMs: 10 } as const
    const many = record(reactor.connectMany([URI], options))
    clock.advance(100)
    script.once('bind', -errno.EACCES)
    const other = record(reactor.connectMany([URI], options))
    clock.advance(100)
    const messages = [...many.values, ...other.values].map(
      (outcome) => outcome.kind !== 'connected' && outcome.error.message,
    )
    expect(messages).toEqual([
      'setsockopt EPERM 192.0.2.1:80: operation not permitted (option noDelay)',
      'bind EACCES 10.0.0.1:0: permission denied (local address 10.0.0.1:0)',
    ])
  })

  it('a pool without an address of the family', () => {
    const { clock, reactor } = stage({ bulk })
    const many = record(reactor.connectMany([URI], { localAddress: '::1' }))
    clock.settle()
    expect(many.values).toMatchObject([{ kind: 'local', code: 'EAFNOSUPPORT' }])
  })

  it('the whole error, with the attempt', () => {
    const { clock, reactor } = stage({ bulk, answers: { connect: -errno.ENETUNREACH } })
    const many = record(reactor.connectMany([{ scheme: 'tcp', host: '192.0.2.1', port: 80 }]))
    clock.settle()
    const [outcome] = many.values
    if (outcome === undefined || outcome.kind === 'connected') throw new Error('it was to fail')
    const { error } = outcome
    expect(error).toMatchObject({
      message: 'connect ENETUNREACH 192.0.2.1:80: network is unreachable',
      address: '192.0.2.1',
      port: 80,
      phase: 'connect',
      endpoint: { scheme: 'tcp', host: '192.0.2.1', port: 80 },
    })
    expect(error.timeline).toBe(outcome.timeline)
    expect(error.attempts).toMatchObject([
      { address: { family: 'inet', address: '192.0.2.1', port: 80 }, result: 'ENETUNREACH' },
    ])
    expect(outcome.error).toBe(error)
  })

  it('diagnostics: each connect by its own key', () => {
    const names = ['start', 'attempt', 'connected', 'error'].map(
      (name) => `pollout:connect:${name}`,
    )
    const heard: [string, Record<string, unknown>][] = []
    const hear = (message: unknown, name: string | symbol): void => {
      heard.push([String(name).slice(16), message as Record<string, unknown>])
    }
    for (const name of names) subscribe(name, hear)
    try {
      const { script, clock, reactor } = stage({ bulk })
      script.once('connect', -errno.ENETUNREACH)
      const denied = { check: () => ({ allowed: false, rule: 'r', reason: 'no' }) }
      const many = record(reactor.connectMany(targets(2), { onConnected: 'reset' }))
      clock.settle()
      script.deliverAll(script.open)
      record(reactor.connectMany([URI], { policy: denied }))
      clock.settle()
      const left = record(reactor.connectMany([URI], { onConnected: 'reset' }))
      clock.settle()
      left.subscription.unsubscribe()
      expect(many.outcome).toBe('complete')
      const byKey = new Map<unknown, string[]>()
      for (const [name, { request, code, backend, endpoint }] of heard) {
        expect([backend, endpoint]).toMatchObject([
          'scripted',
          { scheme: 'tcp', host: '192.0.2.1' },
        ])
        byKey.set(request, [...(byKey.get(request) ?? []), code ? `${name} ${code}` : name])
      }
      expect([...byKey.values()]).toEqual([
        ['start', 'attempt', 'error ENETUNREACH'],
        ['start', 'attempt', 'connected'],
        ['start', 'attempt', 'error ERR_DENIED'],
        ['start', 'error ABORT_ERR'],
      ])
      expect(reactor.stats()).toMatchObject({ started: 4, connected: 1, failed: 2, cancelled: 1 })
    } finally {
      for (const name of names) unsubscribe(name, hear)
    }
  })

  it('a fan-out over names and literals has no more in flight than it may', async () => {
    const resolver = { resolve: async () => ['192.0.2.9'] }
    const { script, clock, reactor } = stage({ bulk, resolver })
    const all = Array.from({ length: 400 }, (_, i) =>
      Math.floor(i / 60) % 2 ? `tcp://name.test:${i + 1}` : `tcp://192.0.2.1:${i + 1}`,
    )
    const many = record(reactor.connectMany(all, { concurrency: 20, onConnected: 'reset' }))
    for (let i = 0; i < 3_000 && many.outcome === 'open'; i++) {
      clock.settle()
      for (let turn = 0; turn < 8; turn++) await Promise.resolve()
      clock.settle()
      expect(script.open.length).toBeLessThanOrEqual(20)
      script.deliverAll(script.open.slice(0, 7))
    }
    expect(many.outcome).toBe('complete')
    expect(new Set(many.values.map(({ target }) => target)).size).toBe(400)
  })
})

it('a lane that can not be had: all goes by the socket lane', async () => {
  const script = scriptedBackend({ answers: { connect: -errno.ECONNREFUSED } })
  const reactor = createReactor({
    backend: (sink) =>
      Object.assign(script.factory(sink), {
        bulk: {
          threads: 1,
          open() {
            throw new Error('EMFILE')
          },
        },
      }),
  })
  const outcomes = await lastValueFrom(reactor.connectMany(targets(3)).pipe(toArray()))
  expect(outcomes.map(({ kind }) => kind)).toEqual(['refused', 'refused', 'refused'])
  await reactor.destroy()
})

it('what is not for the lane goes by the socket lane: other schemes, zones, options that a family has not', () => {
  const { script, clock, reactor } = stage({ bulk: true })
  const calls: string[] = []
  script.answers.register = ({ registration }) => {
    calls.push((registration?.token ?? 0) > 2 ** 52 ? 'bulk' : 'socket')
    return 0
  }
  const tell = (all: string[], options = {}): string[] => {
    calls.length = 0
    const many = record(reactor.connectMany(all, { onConnected: 'reset', ...options }))
    clock.settle()
    many.subscription.unsubscribe()
    return [...calls].sort()
  }
  expect(tell([URI, 'tcp://[::1]:1'])).toEqual(['bulk', 'bulk'])
  expect(tell(['udp://192.0.2.1:1', 'unix:/x', 'vsock://2:1', 'tcp://[fe80::1%eth0]:1'])).toEqual(
    Array(4).fill('socket'),
  )
  // Of IPv6 only; its answer is for the socket lane to give.
  expect(tell([URI], { ipv6Only: true })).toEqual([])
  expect(tell(['tcp://[::1]:1'], { ipv6Only: true })).toEqual(['bulk'])
})
