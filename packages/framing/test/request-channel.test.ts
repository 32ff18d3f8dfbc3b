/** Requests and responses: who gets which, what happens to the late ones, and what is left over: nothing. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RequestChannel, type RequestChannelOptions, RequestError } from '@pollout/framing'
import fc from 'fast-check'
import { finalize, firstValueFrom, Observable, of, Subject, type Subscription } from 'rxjs'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

/** What became of one request, as one word: `pending`, its response, or the error's code; `!` where it was sent. */
interface Fate {
  now: string
  error?: unknown
  subscription: Subscription
}

/** A channel with a peer that answers when it is told to; looked over at the end of the test. */
function stage(options: Partial<RequestChannelOptions<string, string>> = {}) {
  const responses = new Subject<string>()
  const sent: string[] = []
  const channel = new RequestChannel<string, string>({
    responses,
    send: (request) => void sent.push(request),
    ...options,
  })
  const ask = (request: string, requestOptions = {}): Fate => {
    const fate: Partial<Fate> & { now: string } = { now: 'pending' }
    fate.subscription = channel.request(request, requestOptions).subscribe({
      next: (response) => {
        fate.now = response
      },
      error: (error) => {
        fate.error = error
        fate.now = error instanceof RequestError ? `${error.code}${error.sent ? '!' : ''}` : 'error'
      },
    })
    return fate as Fate
  }
  const pushed: string[] = []
  channel.pushes.subscribe({ next: (push) => pushed.push(push), complete: () => pushed.push('.') })
  onTestFinished(() => {
    channel.close()
    expect([channel.outstanding, channel.queued, vi.getTimerCount()]).toEqual([0, 0, 0])
    expect(responses.observed).toBe(false)
    expect(pushed.at(-1)).toBe('.')
  })
  return { responses, sent, channel, ask, pushed }
}

const fates = (all: readonly Fate[]): string[] => all.map(({ now }) => now)
const causeOf = (fate: Fate | undefined): unknown => (fate?.error as Error | undefined)?.cause
const byId = {
  requestId: (request: string) => request.split(' ')[0],
  responseId: (response: string) => (response.startsWith('*') ? undefined : response.split(' ')[0]),
}

describe('paired by order', () => {
  it('sends at once, and gives each its response', () => {
    const { responses, sent, channel, ask } = stage()
    const all = ['a', 'b', 'c'].map((request) => ask(request))
    expect([sent, channel.outstanding]).toEqual([['a', 'b', 'c'], 3])
    responses.next('A')
    responses.next('B')
    expect(fates(all)).toEqual(['A', 'B', 'pending'])
    responses.next('C')
    expect(fates(all)).toEqual(['A', 'B', 'C'])
    expect([channel.outstanding, vi.getTimerCount()]).toEqual([0, 0])
  })

  it('is cold: each subscription sends', () => {
    const { sent, channel } = stage()
    const request = channel.request('a')
    expect(sent).toEqual([])
    request.subscribe({ error: () => {} })
    request.subscribe({ error: () => {} })
    expect(sent).toEqual(['a', 'a'])
  })

  it('sends no more than maxOutstanding, then in order', () => {
    const { responses, sent, channel, ask } = stage({ maxOutstanding: 2 })
    const all = ['a', 'b', 'c', 'd'].map((request) => ask(request))
    expect([sent, channel.outstanding, channel.queued]).toEqual([['a', 'b'], 2, 2])
    responses.next('A')
    expect([sent, channel.outstanding, channel.queued]).toEqual([['a', 'b', 'c'], 2, 1])
    for (const response of ['B', 'C', 'D']) responses.next(response)
    expect(fates(all)).toEqual(['A', 'B', 'C', 'D'])
  })

  it('refuses what is more than maxQueued, and takes more when there is room', () => {
    const { responses, ask } = stage({ maxOutstanding: 1, maxQueued: 1 })
    const all = ['a', 'b', 'c'].map((request) => ask(request))
    expect(fates(all)).toEqual(['pending', 'pending', 'ERR_REQUEST_QUEUE_FULL'])
    responses.next('A')
    const late = ask('d')
    expect(fates([...all, late])).toEqual(['A', 'pending', 'ERR_REQUEST_QUEUE_FULL', 'pending'])
  })

  it('swallows the response to a request that was given up', () => {
    const { responses, channel, ask } = stage()
    const all = ['a', 'b', 'c'].map((request) => ask(request))
    all[1]?.subscription.unsubscribe()
    expect(channel.outstanding).toBe(3)
    for (const response of ['A', 'B', 'C']) responses.next(response)
    expect(fates(all)).toEqual(['A', 'pending', 'C'])
    expect([channel.discarded, channel.outstanding]).toEqual([1, 0])
  })

  it('never sends what was given up before', () => {
    const { responses, sent, channel, ask } = stage({ maxOutstanding: 1 })
    const all = ['a', 'b', 'c'].map((request) => ask(request))
    all[1]?.subscription.unsubscribe()
    expect(channel.queued).toBe(1)
    responses.next('A')
    responses.next('C')
    expect([sent, fates(all)]).toEqual([
      ['a', 'c'],
      ['A', 'pending', 'C'],
    ])
  })

  it("times out each by itself; a late response is not the next one's", () => {
    const { responses, channel, ask } = stage({ timeoutMs: 100 })
    const first = ask('a')
    const second = ask('b', { timeoutMs: 200 })
    const third = ask('c', { timeoutMs: Number.POSITIVE_INFINITY })
    vi.advanceTimersByTime(100)
    expect(fates([first, second, third])).toEqual(['ERR_REQUEST_TIMEOUT!', 'pending', 'pending'])
    expect(first.error).toMatchObject({ message: 'no response within 100 ms', sent: true })
    responses.next('A')
    responses.next('B')
    responses.next('C')
    expect(fates([first, second, third])).toEqual(['ERR_REQUEST_TIMEOUT!', 'B', 'C'])
    expect(channel.discarded).toBe(1)
  })

  it('a timeout before sending says so; one that hangs holds up those behind it', () => {
    const { responses, sent, ask } = stage({ maxOutstanding: 1, timeoutMs: 100 })
    const all = ['a', 'b'].map((request) => ask(request))
    vi.advanceTimersByTime(100)
    expect(fates(all)).toEqual(['ERR_REQUEST_TIMEOUT!', 'ERR_REQUEST_TIMEOUT'])
    expect(all[1]?.error).toMatchObject({ message: 'not even sent within 100 ms', sent: false })
    const third = ask('c')
    expect(sent).toEqual(['a'])
    responses.next('A')
    responses.next('C')
    expect([sent, third.now]).toEqual([['a', 'c'], 'C'])
  })

  it('a response that nobody asked for ends it: order proves nothing any more', () => {
    const { responses, channel, ask, pushed } = stage()
    responses.next('hello')
    expect([channel.ended, channel.discarded, pushed]).toEqual([true, 1, ['.']])
    expect(ask('a').now).toBe('ERR_RESPONSE_UNEXPECTED')
  })

  it('pushes go elsewhere', () => {
    const { responses, ask, pushed } = stage({ isPush: (response) => response.startsWith('>') })
    const request = ask('a')
    responses.next('>news')
    responses.next('A')
    responses.next('>more')
    expect([request.now, pushed]).toEqual(['A', ['>news', '>more']])
  })
})

describe('paired by id', () => {
  it('takes responses in any order', () => {
    const { responses, ask, channel } = stage({ match: byId })
    const all = ['1 a', '2 b', '3 c'].map((request) => ask(request))
    for (const response of ['3 C', '1 A', '2 B']) responses.next(response)
    expect(fates(all)).toEqual(['1 A', '2 B', '3 C'])
    expect(channel.discarded).toBe(0)
  })

  it('an id is in use until its response comes, late or not', () => {
    const { responses, sent, channel, ask } = stage({ match: byId, timeoutMs: 100 })
    const first = ask('1 a')
    expect(ask('1 b').now).toBe('ERR_REQUEST_ID_IN_USE')
    vi.advanceTimersByTime(100)
    expect([first.now, channel.outstanding]).toEqual(['ERR_REQUEST_TIMEOUT!', 0])
    expect(ask('1 c').now).toBe('ERR_REQUEST_ID_IN_USE')
    responses.next('1 A')
    expect(channel.discarded).toBe(1)
    const again = ask('1 d')
    responses.next('1 D')
    expect([again.now, sent]).toEqual(['1 D', ['1 a', '1 d']])
  })

  it('remembers no more that were given up than maxOutstanding', () => {
    const { sent, ask } = stage({ match: byId, maxOutstanding: 2 })
    for (const id of ['1', '2', '3']) ask(`${id} a`).subscription.unsubscribe()
    expect(fates(['1 b', '2 b'].map((request) => ask(request)))).toEqual([
      'pending',
      'ERR_REQUEST_ID_IN_USE',
    ])
    expect(sent).toEqual(['1 a', '2 a', '3 a', '1 b'])
  })

  it('what is given up makes room at once', () => {
    const { sent, channel, ask } = stage({ match: byId, maxOutstanding: 1, timeoutMs: 100 })
    ask('1 a')
    const second = ask('2 b', { timeoutMs: 1_000 })
    vi.advanceTimersByTime(100)
    expect([sent, channel.outstanding, second.now]).toEqual([['1 a', '2 b'], 1, 'pending'])
    second.subscription.unsubscribe()
    expect(channel.outstanding).toBe(0)
  })

  it('a stranger is dropped, a response without an id is a push', () => {
    const { responses, ask, channel, pushed } = stage({ match: byId })
    const request = ask('1 a')
    responses.next('7 X')
    responses.next('* news')
    responses.next('1 A')
    expect([request.now, channel.discarded, pushed]).toEqual(['1 A', 1, ['* news']])
  })

  it('a request without an id fails alone', () => {
    const { sent, ask } = stage({
      match: { ...byId, requestId: (request) => (request === 'none' ? undefined : request) },
    })
    expect(fates([ask('none'), ask('1')])).toEqual(['error', 'pending'])
    expect(sent).toEqual(['1'])
  })
})

describe('its end', () => {
  it.each<[how: string, end: (s: ReturnType<typeof stage>) => void, cause: unknown]>([
    ['the responses complete', ({ responses }) => responses.complete(), undefined],
    ['the responses fail', ({ responses }) => responses.error('reset'), 'reset'],
    ['close()', ({ channel }) => channel.close(), undefined],
    ['using', ({ channel }) => channel[Symbol.dispose](), undefined],
  ])('%s: all are told, and whether they were sent', (_, end, cause) => {
    const set = stage({ maxOutstanding: 2 })
    const all = ['a', 'b', 'c', 'd'].map((request) => set.ask(request))
    all[1]?.subscription.unsubscribe()
    end(set)
    const after = set.ask('e')
    expect(fates([...all, after])).toEqual([
      'ERR_CHANNEL_ENDED!',
      'pending',
      'ERR_CHANNEL_ENDED',
      'ERR_CHANNEL_ENDED',
      'ERR_CHANNEL_ENDED',
    ])
    expect(all[0]?.error).toMatchObject({ name: 'RequestError', sent: true })
    expect(causeOf(all[0])).toBe(cause)
    expect([set.sent, set.channel.ended]).toEqual([['a', 'b'], true])
    end(set)
  })

  const mine = new Error('mine')
  const throwing = (): never => {
    throw mine
  }
  type Stage = ReturnType<typeof stage>
  type Options = Parameters<typeof stage>[0]
  it.each<[how: string, end: (set: Stage) => void, reason: object, options?: Options]>([
    ['the responses complete', ({ responses }) => responses.complete(), {}],
    ['the responses fail', ({ responses }) => responses.error(mine), { cause: mine }],
    ['close()', ({ channel }) => channel.close(), { message: 'the channel was closed' }],
    [
      'a response nobody asked for',
      ({ responses }) => responses.next('?'),
      { code: 'ERR_RESPONSE_UNEXPECTED' },
    ],
    [
      'a send that rejects',
      ({ ask }) => void ask('a'),
      { cause: mine },
      { send: () => Promise.reject(mine) },
    ],
    [
      'a response that can not be read',
      ({ responses }) => responses.next('?'),
      { cause: mine },
      { isPush: throwing },
    ],
  ])('%s: tells why, once, and those who come late too', async (_, end, reason, options) => {
    const set = stage(options)
    const told: unknown[] = []
    const listen = (): Subscription =>
      set.channel.ended$.subscribe({ next: (e) => told.push(e), complete: () => told.push('.') })
    listen()
    expect(told).toEqual([])
    end(set)
    await Promise.resolve()
    set.channel.close()
    listen()
    const [why] = told
    expect(why).toBeInstanceOf(RequestError)
    expect(why).toMatchObject({ code: 'ERR_CHANNEL_ENDED', sent: false, ...reason })
    expect(told).toEqual([why, '.', why, '.'])
    expect(set.ask('late').error).toEqual(why)
  })

  it('is told to each request before it is told to others', () => {
    const { channel, responses, ask } = stage()
    const all = ['a', 'b'].map((request) => ask(request))
    let then: readonly string[] = []
    channel.ended$.subscribe(() => {
      then = fates(all)
    })
    responses.complete()
    expect(then).toEqual(['ERR_CHANNEL_ENDED!', 'ERR_CHANNEL_ENDED!'])
  })

  it('ids: all are told too', () => {
    const { responses, ask } = stage({ match: byId })
    const all = ['1 a', '2 b'].map((request) => ask(request))
    responses.complete()
    expect(fates(all)).toEqual(['ERR_CHANNEL_ENDED!', 'ERR_CHANNEL_ENDED!'])
  })

  it('responses that have ended before the first request', () => {
    const channel = new RequestChannel({ responses: of<string>(), send: () => {} })
    expect(channel.ended).toBe(true)
    const left = vi.fn()
    const limited = new Observable<string>((subscriber) => {
      const stop = setTimeout(() => subscriber.complete(), 1)
      subscriber.next('unexpected')
      subscriber.next('and more')
      return () => {
        left()
        clearTimeout(stop)
      }
    })
    const { ended, discarded } = new RequestChannel({ responses: limited, send: () => {} })
    expect([ended, discarded]).toEqual([true, 1])
    expect(left).toHaveBeenCalledOnce()
  })

  it('a rejected send ends it, as nobody knows how much was sent', async () => {
    const cause = new Error('EPIPE')
    const { channel, ask } = stage({ send: () => Promise.reject(cause) })
    const all = ['a', 'b'].map((request) => ask(request))
    await Promise.resolve()
    expect(fates(all)).toEqual(['ERR_CHANNEL_ENDED!', 'ERR_CHANNEL_ENDED!'])
    expect([causeOf(all[0]), channel.ended]).toEqual([cause, true])
  })

  it.each(['order', 'id'])('a send that throws fails that request alone (by %s)', (how) => {
    const { responses, channel, ask } = stage({
      match: how === 'id' ? byId : undefined,
      send: (request) => {
        if (request.includes('bad')) throw new Error('no such command')
      },
    })
    const all = ['1 a', '2 bad', '3 c'].map((request) => ask(request))
    expect(fates(all)).toEqual(['pending', 'error', 'pending'])
    expect(all[1]?.error).toEqual(new Error('no such command'))
    responses.next('1 A')
    responses.next('3 C')
    expect([fates(all), channel.discarded]).toEqual([['1 A', 'error', '3 C'], 0])
  })

  it('one that is given up while its send throws leaves no place behind', () => {
    const { responses, channel, ask } = stage({
      send: (request) => {
        if (request !== 'bad') return
        leave.abort()
        throw new Error('no')
      },
    })
    const leave = new AbortController()
    const first = ask('a')
    expect(ask('bad', { signal: leave.signal }).now).toBe('ABORT_ERR!')
    const last = ask('c')
    responses.next('A')
    responses.next('C')
    expect([first.now, last.now, channel.outstanding]).toEqual(['A', 'C', 0])
  })

  it("a response that can't be read ends it", () => {
    const cause = new Error('no id')
    const { responses, ask } = stage({
      match: {
        ...byId,
        responseId: () => {
          throw cause
        },
      },
    })
    const request = ask('1 a')
    responses.next('1 A')
    expect([request.now, causeOf(request)]).toEqual(['ERR_CHANNEL_ENDED!', cause])
  })

  it('closing it from within a response harms nobody', () => {
    const { responses, channel, ask } = stage()
    channel.request('a').subscribe(() => channel.close())
    const other = ask('b')
    responses.next('A')
    expect(other.now).toBe('ERR_CHANNEL_ENDED!')
  })
})

describe('signals', () => {
  it('give up one request, sent or not', () => {
    const { responses, sent, ask } = stage({ maxOutstanding: 1 })
    const [first, second] = [new AbortController(), new AbortController()]
    const one = ask('a', { signal: first.signal })
    const two = ask('b', { signal: second.signal })
    const three = ask('c')
    second.abort('why')
    first.abort()
    expect(fates([one, two, three])).toEqual(['ABORT_ERR!', 'ABORT_ERR', 'pending'])
    expect(causeOf(two)).toBe('why')
    responses.next('A')
    responses.next('C')
    expect([three.now, sent]).toEqual(['C', ['a', 'c']])
    expect(ask('d', { signal: first.signal }).now).toBe('ABORT_ERR')
  })

  it('one signal for many has one listener, and none at the end', () => {
    const { responses, ask } = stage()
    const controller = new AbortController()
    const add = vi.spyOn(controller.signal, 'addEventListener')
    const remove = vi.spyOn(controller.signal, 'removeEventListener')
    const all = Array.from({ length: 20 }, (_, i) => ask(`${i}`, { signal: controller.signal }))
    expect(add).toHaveBeenCalledOnce()
    for (const one of all.slice(5)) one.subscription.unsubscribe()
    for (const _ of all) responses.next('x')
    expect(remove).toHaveBeenCalledOnce()
    controller.abort()
    expect(all[0]?.now).toBe('x')
  })
})

describe('re-entrance', () => {
  it('a request from within a response, and one from within send()', () => {
    const sent: string[] = []
    const { responses, channel } = stage({
      send: (request) => {
        sent.push(`${request} begins`)
        if (request === 'a') channel.request('inner').subscribe()
        sent.push(`${request} ends`)
      },
    })
    channel.request('a').subscribe(() => channel.request('b').subscribe())
    expect(sent).toEqual(['a begins', 'a ends', 'inner begins', 'inner ends'])
    responses.next('A')
    expect(sent.slice(4)).toEqual(['b begins', 'b ends'])
    for (const response of ['I', 'B']) responses.next(response)
    expect(channel.outstanding).toBe(0)
  })

  it('a peer that answers within send()', () => {
    const responses = new Subject<string>()
    const channel = new RequestChannel<string, string>({
      responses,
      send: (request) => responses.next(request.toUpperCase()),
    })
    const seen: string[] = []
    for (const request of ['a', 'b']) channel.request(request).subscribe((r) => seen.push(r))
    expect(seen).toEqual(['A', 'B'])
    channel.close()
  })

  it("async context is the subscriber's", () => {
    const { responses, channel } = stage()
    const storage = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const note = (): void => void seen.push(storage.getStore())
    storage.run('one', () => channel.request('a').subscribe(note))
    storage.run('two', () => channel.request('b').subscribe({ error: note }))
    responses.next('A')
    responses.complete()
    expect(seen).toEqual(['one', 'two'])
  })
})

it('refuses options that are none, at once', () => {
  const make = (options: object) => () =>
    new RequestChannel<string, string>({ responses: of(), send: () => {}, ...options })
  for (const timeoutMs of [0, -1, Number.NaN, '5']) {
    expect(make({ timeoutMs })).toThrow(RangeError)
    expect(() => make({})().request('a', { timeoutMs: timeoutMs as number })).toThrow(RangeError)
  }
  for (const count of [0, 1.5, Number.NaN]) {
    expect(make({ maxOutstanding: count })).toThrow(RangeError)
    expect(make({ maxQueued: count })).toThrow(RangeError)
  }
})

it('many that are given up while they wait are let go of', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heapUsed = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const { responses, channel } = stage({ maxOutstanding: 1 })
  const first = firstValueFrom(channel.request('first'))
  const before = heapUsed()
  for (let i = 0; i < 100_000; i++) channel.request(`${i}`).subscribe().unsubscribe()
  // Each of them takes some 300 bytes.
  expect(heapUsed() - before).toBeLessThan(5_000_000)
  const last = firstValueFrom(channel.request('last'))
  responses.next('F')
  responses.next('L')
  expect(await Promise.all([first, last])).toEqual(['F', 'L'])
})

describe('against a model', () => {
  const command = fc.oneof(
    fc.constant({ do: 'ask' as const }),
    fc.constant({ do: 'respond' as const }),
    fc.record({ do: fc.constant('leave' as const), which: fc.nat() }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(150) }),
  )

  it.each(['order', 'id'])('by %s: nobody ever gets the response of another', (how) => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 4 }),
        (list, max) => {
          vi.clearAllTimers()
          const responses = new Subject<string>()
          const unanswered: string[] = []
          const channel = new RequestChannel<string, string>({
            responses,
            send: (request) => void unanswered.push(request),
            match: how === 'id' ? { requestId: (r) => r, responseId: (r) => r } : undefined,
            maxOutstanding: max,
            timeoutMs: 100,
          })
          const seen: { id: string; now: string; leave(): void }[] = []
          for (const one of list) {
            if (one.do === 'ask') {
              const entry = { id: `${seen.length}`, now: 'pending', leave: () => {} }
              seen.push(entry)
              const subscription = channel.request(entry.id).subscribe({
                next: (response) => {
                  expect(entry.now).toBe('pending')
                  entry.now = response
                },
                error: (error) => {
                  expect(entry.now).toBe('pending')
                  entry.now = error.code
                },
              })
              entry.leave = () => {
                subscription.unsubscribe()
                if (entry.now === 'pending') entry.now = 'left'
              }
            } else if (one.do === 'respond') {
              // By id, in any order.
              const next = how === 'id' ? unanswered.pop() : unanswered.shift()
              if (next !== undefined) responses.next(next)
            } else if (one.do === 'leave') seen[one.which % (seen.length || 1)]?.leave()
            else vi.advanceTimersByTime(one.ms)
            expect(channel.outstanding).toBeLessThanOrEqual(max)
          }
          for (let next = unanswered.shift(); next !== undefined; next = unanswered.shift()) {
            responses.next(next)
          }
          for (const { id, now } of seen) expect([id, 'left', 'ERR_REQUEST_TIMEOUT']).toContain(now)
          expect([channel.ended, channel.outstanding, channel.queued]).toEqual([false, 0, 0])
          expect(vi.getTimerCount()).toBe(0)
          channel.close()
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('user code that throws', () => {
  it('a subscriber whose clean-up throws: uncaught, and the others are told', async () => {
    const uncaught: unknown[] = []
    process.setUncaughtExceptionCaptureCallback((error) => void uncaught.push(error))
    onTestFinished(() => process.setUncaughtExceptionCaptureCallback(null))
    const { responses, channel, ask } = stage({ maxOutstanding: 1 })
    const throwing = channel
      .request('a')
      .pipe(
        finalize(() => {
          throw new Error('clean-up')
        }),
      )
      .subscribe({ error: () => {} })
    const others = [ask('b'), ask('c')]
    responses.next('A')
    responses.next('B')
    channel.close()
    expect([throwing.closed, fates(others)]).toEqual([true, ['B', 'ERR_CHANNEL_ENDED!']])
    await new Promise((resolve) => setImmediate(resolve))
    expect(uncaught).toHaveLength(1)
  })

  it('a signal that is none is refused at the call, and nothing is counted', () => {
    const { channel } = stage()
    const signal = {} as AbortSignal
    expect(() => channel.request('a', { signal })).toThrow(TypeError)
    expect(channel.queued).toBe(0)
  })

  it('a listener of an abort that throws does not keep the next request from it', async () => {
    const uncaught: unknown[] = []
    process.setUncaughtExceptionCaptureCallback((error) => void uncaught.push(error))
    onTestFinished(() => process.setUncaughtExceptionCaptureCallback(null))
    const { channel, ask } = stage()
    const controller = new AbortController()
    const { signal } = controller
    channel
      .request('a', { signal })
      .pipe(
        finalize(() => {
          throw new Error('clean-up')
        }),
      )
      .subscribe({ error: () => {} })
    const other = ask('b', { signal })
    controller.abort()
    expect(other.now).toBe('ABORT_ERR!')
    await new Promise((resolve) => setImmediate(resolve))
    expect(uncaught).toHaveLength(1)
  })
})

describe('a loop that is held up', () => {
  const held = (ms: number): void =>
    void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  const immediates = async (): Promise<void> => {
    for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
  }

  it('a response that had come by then beats the timeout', async () => {
    vi.useRealTimers()
    const { responses, ask } = stage({ timeoutMs: 50 })
    // For the look over it.
    onTestFinished(() => void vi.useFakeTimers())
    const first = ask('a')
    const second = ask('b')
    // As what the poll phase reads: behind the timers.
    held(150)
    setImmediate(() => responses.next('A'))
    await new Promise((resolve) => setTimeout(resolve))
    await immediates()
    // The second one may stand behind it: it has the time again that was lost.
    expect(fates([first, second])).toEqual(['A', 'pending'])
    await vi.waitFor(() => expect(second.now).toBe('ERR_REQUEST_TIMEOUT!'), { timeout: 20_000 })
  })

  it('without a response it is told', async () => {
    vi.useRealTimers()
    const { ask } = stage({ timeoutMs: 50 })
    onTestFinished(() => void vi.useFakeTimers())
    const only = ask('a')
    held(150)
    await vi.waitFor(() => expect(only.now).toBe('ERR_REQUEST_TIMEOUT!'), { timeout: 20_000 })
  })
})
