/** Requests and responses: who gets which, and what happens to the late ones. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RequestChannel } from '@pollout/framing'
import { firstValueFrom, of, Subject } from 'rxjs'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { byId, causeOf, fates, stage } from './request-stage.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

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
