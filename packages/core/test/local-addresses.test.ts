/** Where connects come from, on a scripted backend: one local address, a pool, a port, a range of ports. */
import { ConnectStatus, errno } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { failing, PLACES, URI, watched } from './connect-setups.js'
import { record, type Stage, stage } from './harness.js'

describe('the local address', () => {
  it('without a port leaves the port to connect(), unless told otherwise', () => {
    const { calls, reactor } = watched()
    const options = [{}, { bindAddressNoPort: false }, { localPort: 9 }]
    for (const more of options) {
      record(
        reactor.connect(URI, { localAddress: PLACES.four, ...more }),
      ).subscription.unsubscribe()
    }
    expect(calls).toEqual([
      ...['bindAddressNoPort=true', 'bind 192.0.2.7:0', 'connect'],
      ...['bindAddressNoPort=false', 'bind 192.0.2.7:0', 'connect'],
      ...['bind 192.0.2.7:9', 'connect'],
    ])
  })

  it('is bound all the same where the kernel does not know that option', () => {
    const { script, reactor } = stage({ answers: { setOption: -errno.ENOPROTOOPT } })
    const { subscription } = record(reactor.connect(URI, { localAddress: PLACES.four }))
    expect(script.sockets[0]).toMatchObject({ bound: { port: 0 }, connects: [{ port: 80 }] })
    subscription.unsubscribe()
  })

  it('of a pool is used in turn, and only one of the family of the target', () => {
    const { script, clock, reactor } = stage()
    const { four, other, third, six } = PLACES
    const localAddress = [four, six, other, third]
    const bound = () =>
      script.sockets.map(({ bound }) => bound && 'address' in bound && bound.address)
    const targets = [URI, URI, 'tcp://[2001:db8::1]:80', URI, URI]
    const many = record(reactor.connectMany(targets, { localAddress }))
    clock.settle()
    // The rotation is one for all families: it spreads, and promises no order.
    expect(bound()).toEqual([four, other, six, four, other])
    many.subscription.unsubscribe()
    const connecting = reactor.connect(URI, { localAddress })
    const all = [1, 2, 3, 4].map(() => record(connecting))
    expect(bound().slice(5)).toEqual([four, other, third, four])
    for (const { subscription } of all) subscription.unsubscribe()
    const overSix = record(reactor.connect('tcp://[2001:db8::1]:80', { localAddress }))
    expect(bound().at(-1)).toBe(six)
    overSix.subscription.unsubscribe()
  })

  it.each([
    ['tcp://[2001:db8::1]:80', { localAddress: PLACES.four }, 'holds no IPv6 address'],
    [URI, { localAddress: ['2001:db8::7', '@x'] }, 'holds no IPv4 address'],
    ['unix:/x', { localAddress: PLACES.four }, 'holds no path'],
    ['unix:/x', { localPort: 5 }, 'not for unix'],
    ['vsock://2:1024', { localAddress: PLACES.four }, 'not for vsock'],
  ])('%s from %j: EAFNOSUPPORT, with the reason', (uri, options, reason) => {
    const error = failing(stage(), options, uri)
    expect(error).toMatchObject({ code: 'EAFNOSUPPORT', syscall: 'bind', phase: 'local' })
    expect(error.message).toContain(reason)
  })

  it.each([
    ['/run/me', '/run/me'],
    ['@me', '\0me'],
    ['', ''],
  ])('of a unix datagram socket is a path: %j', (localAddress, path) => {
    const { script, reactor } = stage()
    const { subscription } = record(reactor.connect('unixgram:/x', { localAddress }))
    expect(script.sockets[0]).toMatchObject({ bound: { family: 'unix', path }, connects: [{}] })
    expect(script.sockets[0]?.options.size).toBe(0)
    subscription.unsubscribe()
  })

  it('that has no port left for the destination gives way to the next, within the same attempt', () => {
    const { script, clock, reactor } = stage()
    script.once('connect', -errno.EADDRNOTAVAIL)
    const connecting = record(
      reactor.connect(URI, { localAddress: [PLACES.four, PLACES.other], noDelay: true }),
    )
    expect(script.sockets.map(({ closed }) => closed)).toEqual(['reset', undefined])
    expect(script.sockets[1]).toMatchObject({ bound: { address: PLACES.other } })
    expect(script.sockets[1]?.options.get('noDelay')).toBe(true)
    clock.settle()
    script.deliverAll(script.open)
    expect(connecting.outcome).toBe('complete')
    expect(connecting.values[0]?.failedAttempts).toEqual([])
    connecting.values[0]?.reset()
  })

  it('the same where the backend tells it with readiness', () => {
    const { script, reactor } = stage()
    script.once('finishConnect', -errno.EADDRINUSE, -errno.EADDRNOTAVAIL)
    const localAddress = [PLACES.four, PLACES.other, PLACES.third]
    const connecting = record(reactor.connect(URI, { localAddress }))
    for (let i = 0; i < 3; i++) script.deliverAll(script.open)
    expect(connecting.outcome).toBe('complete')
    expect(script.sockets).toHaveLength(3)
    connecting.values[0]?.reset()
  })

  it('fails when all are exhausted, having tried each once', () => {
    const set = stage({ answers: { connect: -errno.EADDRNOTAVAIL } })
    const error = failing(set, { localAddress: [PLACES.four, PLACES.other, PLACES.third] })
    expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'connect', phase: 'local' })
    expect(error.attempts).toHaveLength(1)
    const bound = set.script.sockets.map(
      ({ bound }) => bound && 'address' in bound && bound.address,
    )
    expect(bound).toEqual([PLACES.four, PLACES.other, PLACES.third])
    expect(set.script.sockets.every(({ closed }) => closed === 'reset')).toBe(true)
  })

  it('of somebody else is left out for the others, and told where it is the only one', () => {
    let binds = 0
    const set = stage()
    set.script.answers.bind = (_, at) => {
      binds++
      return 'address' in at && at.address === PLACES.four ? -errno.EADDRNOTAVAIL : 0
    }
    const { subscription } = record(
      set.reactor.connect(URI, { localAddress: [PLACES.four, PLACES.other], localPort: [1, 99] }),
    )
    expect(set.script.sockets).toHaveLength(1)
    expect(set.script.sockets[0]).toMatchObject({ bound: { address: PLACES.other, port: 1 } })
    // Its other 98 ports are not tried.
    expect(binds).toBe(2)
    subscription.unsubscribe()
    const error = failing(set, { localAddress: PLACES.four })
    expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind', localFault: true })
    expect(error.message).toContain('local address 192.0.2.7:0')
  })

  it('that is used up tells more than one that is not ours, in either order', () => {
    for (const localAddress of [
      [PLACES.four, PLACES.other],
      [PLACES.other, PLACES.four],
    ]) {
      const set = stage({ answers: { connect: -errno.EADDRNOTAVAIL } })
      set.script.answers.bind = (_, at) =>
        'address' in at && at.address === PLACES.four ? -errno.EADDRNOTAVAIL : 0
      expect(failing(set, { localAddress })).toMatchObject({ syscall: 'connect' })
    }
  })

  it.each(['EACCES', 'EINVAL', 'EROFS'] as const)('%s from bind() is told at once', (code) => {
    const set = stage({ answers: { bind: -errno[code] } })
    const error = failing(set, { localAddress: [PLACES.four, PLACES.other], localPort: 80 })
    expect(error).toMatchObject({ code, syscall: 'bind' })
    expect(set.script.sockets).toHaveLength(1)
  })
})

describe('a range of local ports', () => {
  /** Binding these ports answers EADDRINUSE. */
  function held(...ports: number[]): Stage & { readonly tried: number[] } {
    const tried: number[] = []
    const set = stage()
    set.script.answers.bind = (_, at) => {
      const port = 'port' in at ? at.port : 0
      tried.push(port)
      return ports.includes(port) ? -errno.EADDRINUSE : 0
    }
    return { ...set, tried }
  }

  it('is walked on one socket until a port is free, from another start each time', () => {
    const { script, reactor, tried } = held(10, 11)
    const connecting = reactor.connect(URI, { localPort: [10, 13] })
    const all = [1, 2, 3, 4, 5].map(() => record(connecting))
    expect(script.sockets.map(({ bound }) => bound)).toMatchObject(
      [12, 12, 12, 13, 12].map((port) => ({ address: '0.0.0.0', port })),
    )
    expect(tried).toEqual([10, 11, 12, 11, 12, 12, 13, 10, 11, 12])
    for (const { subscription } of all) subscription.unsubscribe()
  })

  it('all of them held: EADDRINUSE, each tried once on each address', () => {
    const set = held(10, 11)
    const options = { localAddress: [PLACES.four, PLACES.other], localPort: [10, 11] } as const
    const error = failing(set, options)
    expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', phase: 'local' })
    expect(set.tried).toEqual([10, 11, 10, 11])
  })

  it('of which connect() does not want one goes on with the next port', () => {
    const { script, reactor } = stage()
    script.once('connect', -errno.EADDRNOTAVAIL)
    const { subscription } = record(reactor.connect(URI, { localPort: [10, 11] }))
    expect(script.sockets.map(({ bound }) => bound)).toMatchObject([{ port: 10 }, { port: 11 }])
    subscription.unsubscribe()
  })

  it('of which one meets itself goes on with the next; a single one fails at once', () => {
    const { script, clock, reactor } = stage({
      answers: { finishConnect: ConnectStatus.SELF_CONNECTED },
    })
    const ranged = record(reactor.connect(URI, { localPort: [10, 12] }))
    for (let i = 0; i < 3; i++) script.deliverAll(script.open)
    expect(ranged.outcome).toBe('EADDRNOTAVAIL')
    expect(script.sockets.map(({ bound }) => bound)).toMatchObject(
      [10, 11, 12].map((port) => ({ port })),
    )
    const single = record(reactor.connect(URI, { localPort: 80 }))
    script.deliverAll(script.open)
    clock.settle()
    expect(single.outcome).toBe('EADDRNOTAVAIL')
    expect(script.sockets).toHaveLength(4)
  })

  it('is "any address" of the family where none is given', () => {
    const { script, reactor } = stage()
    const { subscription } = record(reactor.connect('udp://[2001:db8::1]:5', { localPort: 7 }))
    expect(script.sockets[0]?.bound).toEqual({ family: 'inet6', address: '::', port: 7 })
    subscription.unsubscribe()
  })

  it('connectMany() waits for one to be free', () => {
    const { script, clock, reactor } = stage()
    const inUse = () =>
      new Set(script.open.map(({ bound }) => bound && 'port' in bound && bound.port))
    script.answers.bind = (_, at) => ('port' in at && inUse().has(at.port) ? -errno.EADDRINUSE : 0)
    const targets = Array.from({ length: 20 }, () => URI)
    const many = record(reactor.connectMany(targets, { localPort: [10, 12], onConnected: 'reset' }))
    for (let i = 0; i < 500 && many.outcome === 'open'; i++) {
      clock.advance(20)
      expect(script.open.length).toBeLessThanOrEqual(3)
      script.deliverAll(script.open)
    }
    expect(many.values.map(({ kind }) => kind)).toEqual(Array(20).fill('connected'))
  })
})
