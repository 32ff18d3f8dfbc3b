/**
 * Sessions that are made again: when, when not, what they tell of it, and what they leave behind.
 *
 * One file, as all its rows share one stage with a server that comes and goes.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import {
  backoff,
  ConnectError,
  type Connection,
  errno,
  isBeyondRetry,
  type ReconnectOptions,
  type ReconnectState,
} from '@pollout/core'
import { EMPTY, NEVER, type Observable, type ObservableInput, of, take, throwError } from 'rxjs'
import { describe, expect, it, vi } from 'vitest'
import { connectFailure, ownFailure } from '../src/errors/failures.js'
import { ReactorCore } from '../src/reactor/reactor-core.js'
import { PLACES } from './connect-setups.js'
import { record, stage } from './harness.js'
import { type ServerStage, serverStage, URI } from './server-setups.js'

const PLAIN = { backoff: backoff({ jitter: 'none', stableMs: 1_000 }) }
const RECEIVED = (connection: Connection) => connection.received

interface Begun<T> extends ServerStage {
  readonly session: ReturnType<typeof record<T>>
  readonly states: ReturnType<typeof record<ReconnectState>>
  readonly state$: Observable<ReconnectState>
}

function begin<T>(
  use: (connection: Connection) => ObservableInput<T>,
  options: ReconnectOptions & { status?: number | undefined } = {},
): Begun<T> {
  const { status, ...rest } = { status: 0, ...options }
  const set = serverStage()
  set.server.status = status
  const session = set.reactor.reconnecting(URI, use, { ...PLAIN, ...rest })
  const states = record(session.state$)
  return { ...set, session: record(session), states, state$: session.state$ }
}

const told = ({ values }: { values: readonly ReconnectState[] }): string[] =>
  values.map((state) => {
    if (state.kind === 'waiting') {
      return `waiting ${state.delayMs} ${(state.error as { code?: string } | undefined)?.code}`
    }
    if (state.kind === 'failed') return `failed ${(state.error as { code?: string }).code}`
    return 'attempt' in state ? `${state.kind} ${state.attempt}` : state.kind
  })

describe('a connection that is lost', () => {
  const losses = {
    'ended by the peer': ['ERR_PEER_ENDED', (set: ServerStage) => set.server.ends[0]?.end()],
    'reset by the peer': ['ECONNRESET', (set: ServerStage) => set.server.ends[0]?.reset()],
  } as const
  it.each(Object.entries(losses))('because %s is made again', async (_, [code, lose]) => {
    const set = begin(RECEIVED)
    await set.pass(1)
    set.server.ends[0]?.write(Buffer.from('one'))
    await set.pass(1)
    lose(set)
    await set.pass(99)
    expect(set.server.connects.length).toBe(1)
    await set.pass(1)
    set.server.ends[1]?.write(Buffer.from('two'))
    await set.pass()
    expect(set.session.values.map(String)).toEqual(['one', 'two'])
    expect(told(set.states)).toEqual([
      'connecting 1',
      'connected 1',
      `waiting 100 ${code}`,
      'connecting 2',
      'connected 2',
    ])
    if (code === 'ERR_PEER_ENDED') expect(set.server.left).toEqual(['0: end'])
    set.session.subscription.unsubscribe()
    await set.pass()
    expect(told(set.states).at(-1)).toBe('ended')
  })

  it('by an async function that reads to the end is made again, too', async () => {
    const set = begin(
      async (connection) => {
        for await (const _ of connection);
      },
      { maxAttempts: 2 },
    )
    await set.pass()
    set.server.ends[0]?.end()
    await set.pass(100)
    set.server.ends[1]?.end()
    await set.pass()
    expect([set.session.outcome, set.server.connects]).toEqual(['ERR_PEER_ENDED', [0, 100]])
  })

  it('because `use` fails or throws is reset and made again', async () => {
    let uses = 0
    const set = begin(
      () => {
        if (++uses === 1) throw new Error('mine')
        return uses === 2 ? throwError(() => new Error('mine')) : of('done')
      },
      { maxAttempts: 3 },
    )
    await set.pass(100)
    expect(set.server.left).toEqual(['0: reset', '1: reset'])
    await set.pass(200)
    expect([set.session.values, set.session.outcome]).toEqual([['done'], 'complete'])
    expect(set.server.left).toEqual(['0: reset', '1: reset', '2: end'])
  })
})

it('takes turns among several local addresses from one attempt to the next', () => {
  const { clock, reactor, script } = stage({ answers: { connect: -errno.ECONNREFUSED } })
  const localAddress = [PLACES.four, PLACES.other, PLACES.third]
  const options = { ...PLAIN, localAddress, maxAttempts: 4 }
  const session = record(reactor.reconnecting(URI, RECEIVED, options))
  clock.settle()
  clock.advance(10_000)
  expect(session.outcome).toBe('ECONNREFUSED')
  const sources = script.sockets.map(({ bound }) => (bound as { address?: string }).address)
  expect(sources).toEqual([...localAddress, PLACES.four])
})

describe('waits', () => {
  it('grow while nobody answers, and are told', async () => {
    const set = begin(RECEIVED, { status: -errno.ECONNREFUSED })
    await set.pass(1_499)
    expect(set.server.connects).toEqual([0, 100, 300, 700])
    set.server.status = 0
    await set.pass(1)
    expect(set.server.connects).toEqual([0, 100, 300, 700, 1_500])
    expect(told(set.states).slice(-4)).toEqual([
      'connecting 4',
      'waiting 800 ECONNREFUSED',
      'connecting 5',
      'connected 5',
    ])
    set.session.subscription.unsubscribe()
  })

  it.each([
    [999, [0, 100, 1_299]],
    [1_000, [0, 100, 1_200]],
  ])('go on to grow after a connection of %i ms where 1,000 are stable', async (ms, connects) => {
    const set = begin(RECEIVED, { status: -errno.ECONNREFUSED })
    await set.pass(99)
    set.server.status = 0
    await set.pass(1)
    expect(set.server.ends.length).toBe(1)
    await set.pass(ms)
    set.server.ends[0]?.end()
    await set.pass(200)
    expect(set.server.connects).toEqual(connects)
    set.session.subscription.unsubscribe()
  })

  it('grow from the first again after a stable connection, and go on growing', async () => {
    const set = begin(RECEIVED)
    await set.pass(5_000)
    set.server.status = -errno.ECONNREFUSED
    set.server.ends[0]?.end()
    await set.pass(1_500)
    expect(set.server.connects).toEqual([0, 5_100, 5_300, 5_700, 6_500])
    set.session.subscription.unsubscribe()
  })

  it('keep the process alive, unless the reactor does not', async () => {
    const intervals = vi.spyOn(globalThis, 'setInterval')
    const alive = (): number =>
      intervals.mock.results.filter(({ value }) => value.hasRef() && !value._destroyed).length
    const set = begin(RECEIVED, { status: -errno.ECONNREFUSED })
    await set.pass()
    expect([told(set.states).at(-1), alive()]).toEqual(['waiting 100 ECONNREFUSED', 1])
    set.reactor.unref()
    expect(alive()).toBe(0)
    set.reactor.ref()
    set.session.subscription.unsubscribe()
    await set.pass()
    expect(alive()).toBe(0)
    intervals.mockRestore()
  })
})

describe('it gives up', () => {
  it('after maxAttempts in a row, with the last error as it is', async () => {
    const set = begin(RECEIVED, { status: -errno.ECONNREFUSED, maxAttempts: 3 })
    await set.pass(299)
    expect(set.session.outcome).toBe('open')
    await set.pass(1)
    expect([set.session.outcome, set.server.connects]).toEqual(['ECONNREFUSED', [0, 100, 300]])
    expect(told(set.states).slice(-2)).toEqual(['connecting 3', 'failed ECONNREFUSED'])
    expect((set.states.values.at(-1) as { error: unknown }).error).toBe(set.session.ended)
  })

  it.each([
    [299, [0, 100]],
    [300, [0, 100, 300]],
  ])('rather than begin more than %i ms after the first', async (giveUpAfterMs, connects) => {
    const set = begin(RECEIVED, { status: -errno.ECONNREFUSED, giveUpAfterMs })
    await set.pass(10_000)
    expect([set.session.outcome, set.server.connects]).toEqual(['ECONNREFUSED', connects])
  })

  it('counting from the last stable connection', async () => {
    const set = begin(RECEIVED, { maxAttempts: 2, giveUpAfterMs: 500 })
    for (let i = 0; i < 3; i++) {
      await set.pass(1_100)
      set.server.ends[i]?.end()
      await set.pass(100)
    }
    expect([set.session.outcome, set.server.ends.length]).toEqual(['open', 4])
    set.session.subscription.unsubscribe()
  })

  it('where giveUp says so, which is asked each time', async () => {
    const asked: unknown[] = []
    const giveUp = (error: unknown, attempt: number): boolean => {
      asked.push([(error as ConnectError).code, attempt])
      return attempt === 3
    }
    const set = begin(RECEIVED, { status: -errno.ECONNREFUSED, giveUp })
    await set.pass(1_000)
    expect(asked).toEqual([1, 2, 3].map((attempt) => ['ECONNREFUSED', attempt]))
    expect(set.session.outcome).toBe('ECONNREFUSED')
  })

  it('with the error of a giveUp that throws', async () => {
    const mine = new Error('mine')
    const giveUp = (): boolean => {
      throw mine
    }
    const set = begin(RECEIVED, { status: -errno.ECONNREFUSED, giveUp })
    await set.pass()
    expect(set.session.ended).toBe(mine)
  })

  it('at once at what no retry can mend', async () => {
    const bug = new TypeError('a bug')
    const buggy = begin(() => throwError(() => bug))
    await buggy.pass()
    expect([buggy.session.ended, buggy.server.left]).toEqual([bug, ['0: reset']])
    const { clock, reactor } = stage({ capabilities: { abstractUnix: false } })
    const unsupported = record(reactor.reconnecting('unix:@x', RECEIVED))
    clock.settle()
    expect(unsupported.outcome).toBe('ERR_UNSUPPORTED')
  })

  const final = ['EAFNOSUPPORT', 'EPROTONOSUPPORT', 'ENOPROTOOPT', 'EINVAL', 'EPROTOTYPE'] as const
  const passing = [
    'ECONNREFUSED',
    'ETIMEDOUT',
    'ENOENT',
    'EACCES',
    'EMFILE',
    'EADDRNOTAVAIL',
  ] as const
  const errors: readonly (readonly [string, unknown, boolean])[] = [
    ...final.map(
      (name) => [name, new ConnectError(connectFailure(-errno[name], 'connect')), true] as const,
    ),
    ...passing.map(
      (name) => [name, new ConnectError(connectFailure(-errno[name], 'connect')), false] as const,
    ),
    [
      'a denied destination',
      new ConnectError(ownFailure('ERR_DENIED', 'policy', 'connect', 'no')),
      true,
    ],
    [
      'a destroyed reactor',
      new ConnectError(ownFailure('ERR_REACTOR_DESTROYED', 'aborted', 'connect', '')),
      true,
    ],
    [
      'a bad certificate',
      new ConnectError(ownFailure('CERT_HAS_EXPIRED', 'tls' as 'local', 'connect', '')),
      true,
    ],
    [
      'a reset in the TLS handshake',
      new ConnectError(ownFailure('ECONNRESET', 'tls' as 'local', 'connect', '')),
      false,
    ],
    [
      'an unknown name',
      new ConnectError(ownFailure('ENOTFOUND', 'resolve', 'getaddrinfo', '')),
      false,
    ],
    [
      "the peer's end",
      new ConnectError(ownFailure('ERR_PEER_ENDED', 'receive', 'recv', '')),
      false,
    ],
    ['a RangeError', new RangeError('a bug'), true],
    ["somebody's own error", new Error('protocol'), false],
    ['no error at all', undefined, false],
  ]
  it.each(errors)('isBeyondRetry(): %s', (_, error, expected) => {
    expect(isBeyondRetry(error)).toBe(expected)
  })
})

describe('`use` that completes', () => {
  it('ends the session, once the connection is closed', async () => {
    const set = begin((connection) => {
      void connection.send('bye')
      return of(1, 2)
    })
    await set.pass()
    expect([set.session.values, set.session.outcome]).toEqual([[1, 2], 'complete'])
    expect([set.server.heard, set.server.left]).toEqual([['0: bye'], ['0: end']])
    expect(told(set.states)).toEqual(['connecting 1', 'connected 1', 'ended'])
    expect(set.reactor.stats().open).toBe(0)
  })

  it('having closed the connection itself ends it, whatever the peer did', async () => {
    const set = begin(async (connection) => {
      for await (const _ of connection);
      await connection.close()
      return 'done'
    })
    await set.pass()
    set.server.ends[0]?.end()
    await set.pass()
    expect([set.session.values, set.session.outcome]).toEqual([['done'], 'complete'])
  })

  it.each([
    ['data', 70_000],
    ['nothing but the end', 7],
  ])('leaving %s unread ends it, whatever has come', async (_, bytes) => {
    const set = begin((connection) => connection.received.pipe(take(1)))
    set.server.greet = (end) => {
      end.write(Buffer.alloc(bytes))
      end.end()
    }
    await set.pass()
    expect([set.session.values.length, set.session.outcome]).toEqual([1, 'complete'])
  })

  it('is made again with `repeat`, after the first wait each time', async () => {
    const set = begin(() => of('value'), { repeat: true, maxAttempts: 2 })
    for (let i = 0; i < 2; i++) await set.pass(100)
    await set.pass(99)
    expect(set.server.connects).toEqual([0, 100, 200])
    expect(set.session.values).toEqual(['value', 'value', 'value'])
    expect(told(set.states).slice(0, 4)).toEqual([
      'connecting 1',
      'connected 1',
      'waiting 100 undefined',
      'connecting 1',
    ])
    set.server.status = -errno.ECONNREFUSED
    await set.pass(1)
    await set.pass(100)
    expect(set.session.outcome).toBe('ECONNREFUSED')
  })
})

describe('what ends it in each state', () => {
  const moments = {
    'not begun': { status: 0, use: RECEIVED, turns: false, last: [] },
    connecting: { status: undefined, use: RECEIVED, turns: true, last: ['connecting 1'] },
    connected: { status: 0, use: RECEIVED, turns: true, last: ['connecting 1', 'connected 1'] },
    'connected, reading nothing': {
      status: 0,
      use: () => NEVER,
      turns: true,
      last: ['connecting 1', 'connected 1'],
    },
    waiting: {
      status: -errno.ECONNREFUSED,
      use: RECEIVED,
      turns: true,
      last: ['connecting 1', 'waiting 100 ECONNREFUSED'],
    },
  } as const
  const ends = ['unsubscribing', 'its signal', 'destroying the reactor'] as const
  const all = Object.entries(moments).flatMap(([name, moment]) =>
    ends.map((how) => [how, name, moment] as const),
  )
  it.each(all)('%s, while %s', async (how, _, { status, use, turns, last }) => {
    const controller = new AbortController()
    const own = vi.spyOn(ReactorCore.prototype, 'own')
    const disown = vi.spyOn(ReactorCore.prototype, 'disown')
    const set = begin<unknown>(use, { status, signal: controller.signal })
    if (turns) await set.pass()
    expect(told(set.states)).toEqual(last)
    if (how === 'unsubscribing') set.session.subscription.unsubscribe()
    else if (how === 'its signal') controller.abort(new Error('enough'))
    else await set.reactor.destroy()
    await set.pass(100_000)
    const code = how === 'its signal' ? 'ABORT_ERR' : 'ERR_REACTOR_DESTROYED'
    expect(set.session.outcome).toBe(how === 'unsubscribing' ? 'open' : code)
    expect(told(set.states).at(-1)).toBe(how === 'unsubscribing' ? 'ended' : `failed ${code}`)
    expect(set.server.connects.length).toBe(turns ? 1 : 0)
    const { inFlight, open, registrations, deadlines } = set.reactor.stats()
    expect([inFlight, open, registrations, deadlines]).toEqual([0, 0, 0, 0])
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    const disowned = new Set(disown.mock.calls.map(([item]) => item))
    expect(own.mock.calls.filter(([item]) => !disowned.has(item))).toEqual([])
    own.mockRestore()
    disown.mockRestore()
  })

  it.each(['connecting', 'connected', 'waiting'] as const)(
    'a listener that leaves when it hears %s',
    async (kind) => {
      const set = serverStage()
      if (kind === 'waiting') set.server.status = -errno.ECONNREFUSED
      const use = vi.fn(RECEIVED)
      const session = set.reactor.reconnecting(URI, use, PLAIN)
      session.state$.subscribe((state) => {
        if (state.kind === kind) recording.subscription.unsubscribe()
      })
      const recording = record(session)
      await set.pass(1_000)
      expect([recording.outcome, use.mock.calls.length]).toEqual(['open', 0])
      expect(set.server.connects.length).toBe(kind === 'connecting' ? 0 : 1)
      expect(set.reactor.stats().open).toBe(0)
    },
  )
})

describe('subscribers', () => {
  it('that are late to the state are told the present one, and not inside subscribe()', async () => {
    const set = begin(RECEIVED)
    await set.pass()
    const late = record(set.state$)
    expect(late.values).toEqual([])
    await set.pass()
    expect(told(late)).toEqual(['connected 1'])
    set.session.subscription.unsubscribe()
    await set.pass()
    expect(told(late)).toEqual(['connected 1', 'ended'])
    const later = record(set.state$)
    later.subscription.unsubscribe()
    await set.pass()
    expect(later.values).toEqual([])
  })

  it('share one connection until the last leaves, and may begin anew', async () => {
    const set = serverStage()
    const session = set.reactor.reconnecting(URI, RECEIVED, PLAIN)
    const [first, second] = [record(session), record(session)]
    await set.pass()
    set.server.ends[0]?.write(Buffer.from('both'))
    await set.pass()
    first.subscription.unsubscribe()
    set.server.ends[0]?.write(Buffer.from('second'))
    await set.pass()
    expect(first.values.map(String)).toEqual(['both'])
    expect(second.values.map(String)).toEqual(['both', 'second'])
    expect(set.server.left).toEqual([])
    second.subscription.unsubscribe()
    await set.pass()
    expect([set.server.left, set.server.ends.length]).toEqual([['0: end'], 1])
    const third = record(session)
    await set.pass()
    expect(set.server.ends.length).toBe(2)
    third.subscription.unsubscribe()
  })

  it('are called in their own async context, and so is `use`, after a wait too', async () => {
    const store = new AsyncLocalStorage<string>()
    const heard: string[] = []
    const note = (what: string) => (): void => void heard.push(`${what} ${store.getStore()}`)
    const set = serverStage()
    set.server.status = -errno.ECONNREFUSED
    const session = set.reactor.reconnecting(
      URI,
      () => {
        note('use')()
        return of(1)
      },
      PLAIN,
    )
    store.run('b', () => session.state$.subscribe(({ kind }) => note(kind)()))
    store.run('a', () => session.subscribe({ next: note('next'), complete: note('complete') }))
    await set.pass()
    set.server.status = 0
    await store.run('elsewhere', () => set.pass(100))
    expect(heard).toEqual([
      'connecting b',
      'waiting b',
      'connecting b',
      'connected b',
      'use a',
      'next a',
      'ended b',
      'complete a',
    ])
  })
})

it('throws at once for what can not be meant', () => {
  const { reactor } = serverStage()
  const bad =
    (options: object, uri = URI) =>
    () =>
      reactor.reconnecting(uri, () => EMPTY, options)
  expect(bad({}, 'nonsense')).toThrow()
  expect(bad({ maxAttempts: 0 })).toThrow(RangeError)
  expect(bad({ giveUpAfterMs: -1 })).toThrow(RangeError)
  expect(bad({ giveUp: 5 })).toThrow(TypeError)
  expect(bad({ backoff: { firstMs: 5 } })).toThrow(TypeError)
  expect(bad({ timeoutMs: 0 })).toThrow(RangeError)
  expect(bad({ maxAttempt: 5 })).toThrow(TypeError)
})
