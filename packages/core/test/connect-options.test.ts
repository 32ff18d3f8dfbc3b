/** The options of connect() and connectMany(): their checks, what is set on which socket, and in which order. */
import {
  type Connection,
  type ConnectOptions,
  errno,
  Readiness,
  SOCKET_OPTION_NAMES,
} from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { failing, PLACES, URI, watched } from './connect-setups.js'
import { record, stage } from './harness.js'

describe('what can not be meant is thrown at once', () => {
  it.each([
    ['a misspelt name', { noDelayy: true }, /no option "noDelayy"; did you mean noDelay\?/],
    ['another case', { timeoutMS: 5 }, /no option "timeoutMS"; did you mean timeoutMs\?/],
    ['a name of nothing', { xyzzy: 1 }, /^there is no option "xyzzy"$/],
    ['a flag that is none', { noDelay: 1 }, /noDelay must be true or false/],
    ['a number out of range', { synRetries: 0 }, /synRetries must be a whole number from 1 to 127/],
    ['a host name to connect from', { localAddress: 'example.net' }, /is no address of this/],
    ['a mistyped address', { localAddress: '192.0.2.256' }, /write an IPv4 or IPv6 literal/],
    ['a network', { localAddress: '192.0.2.0/24' }, /is no address of this machine/],
    ['an empty pool', { localAddress: [] }, /one or more/],
    ['a pool of numbers', { localAddress: [5] }, /must be a string, not 5/],
    ['a bare at sign', { localAddress: '@' }, /is no address of this machine/],
    ['a path that is too long', { localAddress: `/${'x'.repeat(107)}` }, /at most 107 bytes/],
    ['a path with a NUL', { localAddress: '/x\0y' }, /none of them NUL/],
    ['port 0', { localPort: 0 }, /leave it out for any port/],
    ['a port that is text', { localPort: '80' }, /localPort must be two ports/],
    ['a range that ends before it begins', { localPort: [20, 10] }, /\[first, last\]/],
    ['raw options that are no list', { rawOptions: {} }, /must be an array/],
    ['a raw option without a value', { rawOptions: [{ level: 1, option: 2 }] }, /or a Uint8Array/],
    [
      'a raw option beyond an int',
      { rawOptions: [{ level: 1, option: 2, value: -(2 ** 31) - 1 }] },
      /must fit into 32 bits, not -2147483649/,
    ],
    ['an idle timeout of nothing', { idleTimeoutMs: 0 }, /idleTimeoutMs/],
    ['a raw option that is null', { rawOptions: [null] }, /level must be a 32-bit whole number/],
  ])('%s', (_, options, message) => {
    const { reactor } = stage()
    const given = options as ConnectOptions
    expect(() => reactor.connect(URI, given)).toThrow(message)
    expect(() => reactor.connectMany([URI], given)).toThrow(message)
    expect(() => reactor.session(URI, () => [], given)).toThrow(message)
  })

  it('undefined is the same as left out, whatever the name', () => {
    const { script, reactor } = stage()
    const options = { noDelay: undefined, localAddress: undefined, localPort: undefined }
    const connecting = record(reactor.connect(URI, { ...options, signal: undefined }))
    expect(script.sockets[0]?.options.size).toBe(0)
    expect(script.sockets[0]?.bound).toBeUndefined()
    connecting.subscription.unsubscribe()
  })
})

describe('idleTimeoutMs', () => {
  const connecting = (idleTimeoutMs: number) => {
    const { script, clock, reactor } = stage()
    const { values } = record(reactor.connect(URI, { idleTimeoutMs }))
    clock.advance(500)
    script.deliverAll(script.open)
    return { clock, values, script }
  }

  it('counts from when the connection is emitted', () => {
    const { clock, values, script } = connecting(1_000)
    clock.advance(999)
    expect(values.map(({ closed }) => closed)).toEqual([false])
    clock.advance(1)
    expect(values.map(({ closed }) => closed)).toEqual([true])
    expect(script.sockets.map(({ closed }) => closed)).toEqual(['reset'])
  })

  it('Infinity is never', () => {
    const { clock, values } = connecting(Number.POSITIVE_INFINITY)
    clock.advance(86_400_000)
    expect(values.map(({ closed }) => closed)).toEqual([false])
    values[0]?.reset()
  })

  it.each([
    [1, false],
    [2, false],
    [3, true],
  ])('what comes with look %i at its end: reset is %s', (look, isReset) => {
    const { clock, values, script } = connecting(1_000)
    const reading = record((values[0] as Connection).received)
    script.once('receive', 1, -errno.EAGAIN)
    let looks = 0
    script.onPoll = () => {
      if (++looks === look) script.ready(script.open[0], Readiness.READABLE)
      script.deliver()
    }
    clock.advance(1_000)
    clock.settle()
    expect(looks).toBe(2)
    expect(values.map(({ closed }) => closed)).toEqual([isReset])
    expect(reading.values).toHaveLength(isReset ? 0 : 1)
    values[0]?.reset()
  })
})

describe('options', () => {
  it('are set as they were given, then the raw ones, then the address is bound, then connect() is called', () => {
    const { calls, reactor } = watched()
    const connecting = record(
      reactor.connect(URI, {
        rawOptions: [
          { level: 6, option: 9, value: 258 },
          { level: 1, option: 2, value: Uint8Array.of(7, 8) },
        ],
        localAddress: PLACES.four,
        localPort: 5_000,
        mark: 3,
        noDelay: true,
      }),
    )
    const int = [...new Uint8Array(Int32Array.of(258).buffer)].join()
    expect(calls).toEqual([
      'mark=3',
      'noDelay=true',
      `6:9=${int}`,
      '1:2=7,8',
      'bind 192.0.2.7:5000',
      'connect',
    ])
    connecting.subscription.unsubscribe()
  })

  it('are copied at the call', () => {
    const { script, reactor } = stage()
    const value = Uint8Array.of(1)
    const localAddress: string[] = [PLACES.four]
    const options = { rawOptions: [{ level: 1, option: 2, value }], localAddress, noDelay: true }
    const connecting = reactor.connect(URI, options)
    value[0] = 9
    localAddress[0] = PLACES.other
    options.noDelay = false
    const { subscription } = record(connecting)
    const [socket] = script.sockets
    expect(socket?.rawOptions.get('1:2')).toEqual(Uint8Array.of(1))
    expect(socket?.bound).toMatchObject({ address: PLACES.four })
    expect(socket?.options.get('noDelay')).toBe(true)
    subscription.unsubscribe()
  })

  it('are set on every socket: of each subscription, of each address, after a self-connect', () => {
    const { script, reactor } = stage()
    script.once('finishConnect', 2)
    const connecting = reactor.connect(URI, { noDelay: true })
    const first = record(connecting)
    const second = record(connecting)
    script.deliverAll([script.sockets[0] as never])
    expect(script.sockets).toHaveLength(3)
    expect(script.sockets.map(({ options }) => options.get('noDelay'))).toEqual([true, true, true])
    for (const { subscription } of [first, second]) subscription.unsubscribe()
  })

  it('none: not one call more', () => {
    const { calls, reactor } = watched()
    const { subscription } = record(reactor.connect(URI, { timeoutMs: 50 }))
    expect(calls).toEqual(['connect'])
    subscription.unsubscribe()
  })

  it.each([
    ['EPERM', { mark: 1 }, 'setOption', 'option mark'],
    ['ENODEV', { device: 'eth9' }, 'setOption', 'option device'],
    ['ENOPROTOOPT', { fastOpen: true }, 'setOption', 'option fastOpen'],
    [
      'EINVAL',
      { rawOptions: [{ level: 6, option: 99, value: 1 }] },
      'setRawOption',
      'option 99 of',
    ],
  ] as const)('%s from setsockopt() fails the attempt as it is', (code, options, call, what) => {
    const set = stage({ answers: { [call]: -errno[code] } })
    const error = failing(set, options)
    expect(error).toMatchObject({
      ...{ code, errno: -errno[code], syscall: 'setsockopt', phase: 'local', localFault: true },
      attempts: [{ result: code }],
    })
    expect(error.message).toContain(what)
    expect(set.script.sockets[0]?.connects).toEqual([])
  })

  it('that mean nothing to such a socket fail it with ENOPROTOOPT', () => {
    const error = failing(stage(), { noDelay: true }, 'udp://192.0.2.1:53')
    expect(error).toMatchObject({ code: 'ENOPROTOOPT', syscall: 'setsockopt', localFault: true })
  })

  it.each([
    ...SOCKET_OPTION_NAMES.slice(0, 2).map((name) => [name, { [name]: true }, {}, name] as const),
    ['mark', { mark: 1 }, { options: ['noDelay'] }, 'the option mark'],
    ['localAddress', { localAddress: PLACES.four }, { bind: false }, 'localAddress'],
    ['localPort', { localPort: 5 }, { bind: false }, 'localPort'],
    [
      'rawOptions',
      { rawOptions: [{ level: 1, option: 2, value: 3 }] },
      { kernelSockets: false },
      'rawOptions',
    ],
  ] as const)(
    'where the backend has no %s: ERR_UNSUPPORTED, told later, and no socket is opened',
    (_, options, lacking, what) => {
      const capabilities = Object.keys(lacking).length > 0 ? lacking : { options: [] }
      const set = stage({ capabilities })
      const error = failing(set, options)
      expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED', phase: 'local', localFault: true })
      expect(error.message).toContain(what)
      const many = record(set.reactor.connectMany([URI], options))
      set.clock.settle()
      expect(many.values).toMatchObject([{ kind: 'local', code: 'ERR_UNSUPPORTED' }])
      expect(set.script.sockets).toEqual([])
    },
  )
})
