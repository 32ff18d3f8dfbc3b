/** What can't be meant by a number, for every one that is an option: thrown at the call, by the name of the option. */
import {
  type Backoff,
  backoff,
  boundedResolver,
  cachedResolver,
  createReactor,
  dnsResolver,
  Interest,
  systemResolver,
  tlsSessionCache,
} from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { connected, type Stage, stage } from './harness.js'
import { serverStage, URI } from './server-setups.js'

const NONE = [Number.NaN, Number.NEGATIVE_INFINITY, -1, '5', true, {}]
/** What is wrong with each kind of number, and what is right. */
const KINDS = {
  milliseconds: { wrong: [...NONE, 0], right: [0.5, 1, 2 ** 40, Number.POSITIVE_INFINITY] },
  'a time of its own': { wrong: [...NONE, 0, Number.POSITIVE_INFINITY, 2 ** 31], right: [50, 100] },
  'a time that may be none': { wrong: NONE, right: [0, 0.5, Number.POSITIVE_INFINITY] },
  'a time of a rule of one’s own': {
    wrong: [Number.NaN, Number.NEGATIVE_INFINITY, -1],
    right: [0],
  },
  'a delay from 10': { wrong: [...NONE, 0, 9.9], right: [10, Number.POSITIVE_INFINITY] },
  count: { wrong: [...NONE, 0, 1.5], right: [1, 1_000_000, Number.POSITIVE_INFINITY] },
  'a count that may be 0': { wrong: [...NONE, 0.5], right: [0, 1, Number.POSITIVE_INFINITY] },
  'a size': { wrong: [...NONE, 0, 1.5, Number.POSITIVE_INFINITY], right: [1, 100] },
  rate: { wrong: [...NONE, 0], right: [0.001, 1, Number.POSITIVE_INFINITY] },
  factor: { wrong: [...NONE, 0, 0.99], right: [1, 1.5] },
  'an int of its own': {
    wrong: [...NONE, 0, 1.5, 2 ** 31, Number.POSITIVE_INFINITY],
    right: [1, 2 ** 31 - 1],
  },
  'a time to live': { wrong: [...NONE, Number.POSITIVE_INFINITY], right: [0, 0.5, 1] },
  bits: { wrong: [...NONE, 0, 1.5, 33, Number.POSITIVE_INFINITY], right: [1, 32] },
} as const

type Row = readonly [
  name: string,
  kind: keyof typeof KINDS,
  call: (set: Stage, options: object, value: number) => unknown,
]

const connect: Row[2] = ({ reactor }, options) => reactor.connect(URI, options)
const fanOut: Row[2] = ({ reactor }, options) => reactor.connectMany([], options)
const inColumns: Row[2] = ({ reactor }, options) => reactor.connectBatches([], options)
const pool: Row[2] = ({ reactor }, options) => reactor.pool(URI, options)
const again: Row[2] = ({ reactor }, options) => reactor.reconnecting(URI, () => [], options)
const waits: Row[2] = (_, options) => backoff(options)
const bounded: Row[2] = (_, options) => {
  return boundedResolver(systemResolver, { concurrency: 1, ...options })
}
const cached: Row[2] = (_, options) => cachedResolver(systemResolver, options)
const ofAPrefix: Row[2] = ({ reactor }, _, inet) =>
  reactor.connectMany([], { maxPerPrefix: 1, prefixLengths: { inet } })

const rows: readonly Row[] = [
  ['timeoutMs', 'milliseconds', connect],
  ['idleTimeoutMs', 'milliseconds', connect],
  ['attemptDelayMs', 'a delay from 10', connect],
  ['maxAddresses', 'count', connect],
  ['timeoutMs', 'milliseconds', ({ reactor }, options) => reactor.session(URI, () => [], options)],
  ['timeoutMs', 'milliseconds', ({ reactor }, options) => reactor.adopt(5, options)],
  ...[fanOut, inColumns].flatMap((call): Row[] => [
    ['timeoutMs', 'milliseconds', call],
    ['concurrency', 'count', call],
    ['rate', 'rate', call],
    ['maxPerHost', 'count', call],
    ['maxPerPrefix', 'count', call],
    ['maxAddresses', 'count', call],
    ['attemptDelayMs', 'a delay from 10', call],
  ]),
  ['prefixLengths.inet', 'bits', ofAPrefix],
  ['maxConnections', 'count', pool],
  ['maxIdle', 'a count that may be 0', pool],
  ['maxWaiting', 'a count that may be 0', pool],
  ['maxUses', 'count', pool],
  ['idleTimeoutMs', 'milliseconds', pool],
  ['maxLifetimeMs', 'milliseconds', pool],
  ['acquireTimeoutMs', 'milliseconds', pool],
  ['checkTimeoutMs', 'milliseconds', pool],
  ['timeoutMs', 'milliseconds', pool],
  ['maxAddresses', 'count', pool],
  ['timeoutMs', 'milliseconds', ({ reactor }, options) => reactor.pool(URI).drain(options)],
  ['patienceMs', 'milliseconds', bounded],
  ['concurrency', 'count', bounded],
  ['timeoutMs', 'an int of its own', (_, options) => dnsResolver(options)],
  ['tries', 'an int of its own', (_, options) => dnsResolver(options)],
  ['concurrency', 'count', (_, options) => dnsResolver(options)],
  ...['ttlMs', 'negativeTtlMs', 'maxTtlMs'].map((name): Row => [name, 'a time to live', cached]),
  ['maxEntries', 'a size', cached],
  ['maxAttempts', 'count', again],
  ['giveUpAfterMs', 'milliseconds', again],
  ['timeoutMs', 'milliseconds', again],
  ['idleTimeoutMs', 'milliseconds', again],
  [
    'stableMs',
    'a time of a rule of one’s own',
    ({ reactor }, options) => {
      const own: Backoff = { delayMs: () => 1, stableMs: 0, ...options }
      return reactor.reconnecting(URI, () => [], { backoff: own })
    },
  ],
  ['stableMs', 'a time that may be none', waits],
  ['firstMs', 'a time of its own', waits],
  ['longestMs', 'a time of its own', (_, options) => backoff({ firstMs: 1, ...options })],
  ['factor', 'factor', waits],
  ['capacity', 'a size', (_, __, capacity) => tlsSessionCache(capacity)],
]

describe.each(rows)('%s: %s', (name, kind, call) => {
  const { wrong, right } = KINDS[kind]

  it.each(wrong)('not %j', (value) => {
    const set = stage()
    const error = thrown(() => call(set, { [name]: value }, value as number))
    expect(error).toBeInstanceOf(RangeError)
    expect(error?.message).toContain(name)
    expect(error?.message).toContain(typeof value === 'string' ? `"${value}"` : String(value))
    expect(set.script.sockets).toEqual([])
  })

  it.each(right)('%d', (value) => {
    expect(thrown(() => call(stage(), { [name]: value }, value))).toBeUndefined()
  })
})

it.each(KINDS.milliseconds.wrong)('of one lease, and of a connection: not %j', async (value) => {
  const timeoutMs = value as number
  const { reactor } = serverStage()
  expect(() => reactor.pool(URI).acquire({ timeoutMs })).toThrow(RangeError)
  await expect(reactor.pool(URI).use(() => {}, { timeoutMs })).rejects.toThrow(RangeError)
  const { connection } = await connected()
  expect(() => connection.close({ timeoutMs })).toThrow(RangeError)
  expect(() => connection.idleTimeout(timeoutMs)).toThrow(RangeError)
  await expect(connection.upgradeToTls({ timeoutMs })).rejects.toThrow(RangeError)
  expect(connection.closed).toBe(false)
})

describe('a misspelt option is refused', () => {
  const options: object = { timeotMs: 5 }

  it.each<[call: string, call: (set: Stage) => unknown]>([
    ['connect', ({ reactor }) => reactor.connect(URI, options)],
    ['duplex', ({ reactor }) => reactor.duplex(URI, options)],
    ['session', ({ reactor }) => reactor.session(URI, () => [], options)],
    ['reconnecting', ({ reactor }) => reactor.reconnecting(URI, () => [], options)],
    ['connectMany', ({ reactor }) => reactor.connectMany([], options)],
    ['connectBatches', ({ reactor }) => reactor.connectBatches([], options)],
    ['adopt', ({ reactor }) => reactor.adopt(5, options)],
    ['pool', ({ reactor }) => reactor.pool(URI, options)],
    ['acquire', ({ reactor }) => reactor.pool(URI).acquire(options)],
    ['drain', ({ reactor }) => reactor.pool(URI).drain(options)],
    [
      'readiness',
      ({ reactor }) => reactor.readiness(reactor.socket('inet'), Interest.READABLE, options),
    ],
    [
      'connectSync',
      ({ reactor }) => {
        return reactor
          .socket('inet')
          .connectSync({ family: 'inet', address: '127.0.0.1', port: 1 }, options)
      },
    ],
    ['createReactor', () => createReactor({ backend: fails, ...options })],
    ['backoff', () => backoff(options)],
    ['boundedResolver', () => boundedResolver(systemResolver, { concurrency: 1, ...options })],
    ['cachedResolver', () => cachedResolver(systemResolver, options)],
    ['dnsResolver', () => dnsResolver(options)],
  ])('%s()', (_, call) => {
    expect(() => call(stage())).toThrow(new TypeError('there is no option "timeotMs"'))
  })

  it('pool.use()', async () => {
    const using = stage()
      .reactor.pool(URI)
      .use(() => {}, options)
    await expect(using).rejects.toThrow(TypeError)
  })

  it.each(['chunks', 'close', 'toNetSocket', 'toDuplex'] as const)(
    'connection.%s()',
    async (call) => {
      const { connection } = await connected()
      expect(() => connection[call](options)).toThrow(
        new TypeError('there is no option "timeotMs"'),
      )
      expect(connection.closed).toBe(false)
    },
  )

  it('connection.send() and upgradeToTls()', async () => {
    const { connection } = await connected()
    expect(() => connection.send('a', options)).toThrow(TypeError)
    await expect(connection.upgradeToTls(options)).rejects.toThrow(TypeError)
    expect([connection.closed, connection.unsentBytes]).toEqual([false, 0])
  })
})

function fails(): never {
  throw new Error('a backend was opened')
}

it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, '5', undefined])(
  'a wait of a rule of one’s own: not %j, and the session fails',
  async (value) => {
    const { reactor, server, pass } = serverStage()
    server.status = -111
    const errors: unknown[] = []
    const own: Backoff = { stableMs: 0, delayMs: () => value as number }
    reactor
      .reconnecting(URI, () => [], { backoff: own })
      .subscribe({ error: (error) => errors.push(error) })
    await pass(10)
    expect(errors).toEqual([expect.any(RangeError)])
    expect(String(errors[0])).toContain('delayMs()')
    expect(server.connects).toHaveLength(1)
  },
)

it('what is no flag, and no source of chance', () => {
  const { reactor } = stage()
  const repeat = 'no' as unknown as boolean
  expect(() => reactor.reconnecting(URI, () => [], { repeat })).toThrow(/repeat/)
  expect(() => backoff({ random: 0.5 as never })).toThrow(/random/)
})

it('what has no text is refused like any other value', () => {
  const timeoutMs = Object.create(null)
  const error = thrown(() => connect(stage(), { timeoutMs }, 0))
  expect(error).toBeInstanceOf(RangeError)
  expect(error?.message).toContain('timeoutMs')
})

function thrown(call: () => unknown): Error | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return error as Error
  }
}
