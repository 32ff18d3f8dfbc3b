/** The end of a request channel, and what users do to it: everybody is told, and nothing is left over. */
import { RequestChannel, RequestError } from '@pollout/framing'
import { finalize, Observable, of, type Subscription } from 'rxjs'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { byId, causeOf, fates, stage } from './request-stage.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
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
