/** AbortSignals: one for many connects, what is left on them afterwards, and what they end. */
import { getEventListeners } from 'node:events'
import { errno, Interest } from '@pollout/core'
import { NEVER, Observable, of, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { connected, microtasks, record, stage, watch } from './harness.js'

const URI = 'tcp://192.0.2.1:80'
const COUNT = 100

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length
}

describe('one signal for many connects', () => {
  const ways = {
    connected: 0,
    refused: -errno.ECONNREFUSED,
    unsubscribed: undefined,
    aborted: undefined,
    destroyed: undefined,
  } as const
  it.each(Object.entries(ways))(
    'is warned of by nobody, and free when all are %s',
    async (how, status) => {
      const warnings: Error[] = []
      const warned = (warning: Error) => warnings.push(warning)
      process.on('warning', warned)
      const { script, clock, reactor } = stage({ answers: { finishConnect: status ?? 0 } })
      const controller = new AbortController()
      const { signal } = controller
      const all = Array.from({ length: COUNT }, () => record(reactor.connect(URI, { signal })))
      clock.settle()
      expect(listeners(signal)).toBe(1)
      if (status !== undefined) script.deliverAll(script.open)
      else if (how === 'aborted') controller.abort()
      else if (how === 'destroyed') await reactor.destroy()
      else for (const { subscription } of all) subscription.unsubscribe()
      expect(listeners(signal)).toBe(0)
      for (const { values } of all) values[0]?.reset()
      const told = {
        connected: 'complete',
        refused: 'ECONNREFUSED',
        unsubscribed: 'open',
        aborted: 'ABORT_ERR',
        destroyed: 'ERR_REACTOR_DESTROYED',
      }
      expect(new Set(all.map(({ outcome }) => outcome))).toEqual(
        new Set([told[how as keyof typeof told]]),
      )
      await new Promise((resolve) => setImmediate(resolve))
      process.off('warning', warned)
      expect(warnings).toEqual([])
    },
  )

  it('is watched again for those that come after it was free', () => {
    const { reactor } = stage()
    const controller = new AbortController()
    const { signal } = controller
    record(reactor.connect(URI, { signal })).subscription.unsubscribe()
    const again = record(reactor.connect(URI, { signal }))
    controller.abort()
    expect([again.outcome, listeners(signal)]).toEqual(['ABORT_ERR', 0])
  })

  it('a handler that unsubscribes another one, told by the same abort', () => {
    const { reactor } = stage()
    const controller = new AbortController()
    const { signal } = controller
    const told: string[] = []
    reactor.connect(URI, { signal }).subscribe({
      error: () => {
        told.push('first')
        second.unsubscribe()
      },
    })
    const second = reactor.connect(URI, { signal }).subscribe({ error: () => told.push('second') })
    const third = record(reactor.connect(URI, { signal }))
    controller.abort()
    expect([told, third.outcome]).toEqual([['first'], 'ABORT_ERR'])
  })
})

describe('no listener is left', () => {
  it('by connectMany(), readiness(), send() and chunks()', async () => {
    const { script, clock, reactor, connection, socket } = await connected()
    const { signal } = new AbortController()
    record(reactor.connectMany([URI, URI], { signal, onConnected: 'reset' }))
    const low = reactor.socket('inet')
    record(reactor.readiness(low, Interest.WRITABLE, { signal }))
    const chunks = connection.chunks({ signal })
    const next = chunks.next()
    script.once('send', -errno.EAGAIN)
    const sending = watch(connection.send('x', { signal }))
    await microtasks()
    clock.settle()
    expect(listeners(signal)).toBe(1)
    script.deliverAll(script.open.filter(({ registration }) => registration))
    clock.settle()
    await microtasks()
    expect(sending.state).toBe('done')
    await chunks.return()
    expect([(await next).done, listeners(signal)]).toEqual([true, 0])
    expect(socket.registration).toBeUndefined()
    low.close()
  })
})

describe("a session's signal", () => {
  it('ends the session in the middle: ABORT_ERR, and a reset', () => {
    const { script, clock, reactor } = stage()
    const controller = new AbortController()
    const { signal } = controller
    let left = 0
    const inner = new Observable<never>(() => () => left++)
    const session = record(reactor.session(URI, () => inner, { signal }))
    script.deliverAll(script.open)
    expect([session.outcome, script.open.length]).toEqual(['open', 1])
    controller.abort(new Error('enough'))
    expect(session.ended).toMatchObject({
      code: 'ABORT_ERR',
      phase: 'aborted',
      address: '192.0.2.1',
      cause: { message: 'enough' },
    })
    expect([script.sockets[0]?.closed, left, listeners(signal)]).toEqual(['reset', 1, 0])
    clock.settle()
  })

  it('ends it while the rest is being sent, too', async () => {
    const { script, clock, reactor } = stage({ answers: { send: -errno.EAGAIN } })
    const controller = new AbortController()
    const session = record(
      reactor.session(
        URI,
        (connection) => {
          connection.send('never taken').catch(() => {})
          return of('said')
        },
        { signal: controller.signal },
      ),
    )
    script.deliverAll(script.open)
    await microtasks()
    expect([session.values, session.outcome]).toEqual([['said'], 'open'])
    controller.abort()
    await microtasks()
    clock.settle()
    expect([session.outcome, script.sockets[0]?.closed]).toEqual(['ABORT_ERR', 'reset'])
  })

  it.each(['completes', 'errors', 'is left'])('is free when it %s', async (how) => {
    const { script, clock, reactor } = stage()
    const { signal } = new AbortController()
    const inner = {
      completes: of(1),
      errors: throwError(() => new Error('mine')),
      'is left': NEVER,
    }
    const session = record(
      reactor.session<unknown>(URI, () => inner[how as keyof typeof inner], { signal }),
    )
    expect(listeners(signal)).toBe(1)
    script.deliverAll(script.open)
    if (how === 'is left') session.subscription.unsubscribe()
    await microtasks()
    clock.settle()
    expect([listeners(signal), script.open.length]).toEqual([0, 0])
  })
})
