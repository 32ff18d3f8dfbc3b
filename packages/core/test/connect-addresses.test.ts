/** connect() on a scripted backend: deadlines, and names with several addresses. */
import { type ConnectError, errno } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { microtasks, record, stage } from './harness.js'

const URI = 'tcp://192.0.2.1:80'

describe('deadlines', () => {
  it('a completion that is ready when the deadline is late wins', () => {
    const { script, clock, reactor } = stage()
    const [won, lost] = [1, 2].map(() => record(reactor.connect(URI, { timeoutMs: 100 })))
    clock.stall(500)
    script.ready(script.sockets[0])
    clock.turn()
    expect([won?.outcome, lost?.outcome]).toEqual(['complete', 'ETIMEDOUT'])
    expect(lost?.ended).toMatchObject({ timedOutBy: 'deadline', localFault: false })
    won?.values[0]?.reset()
  })

  it('an attempt that has failed by itself is told so, not as timed out', () => {
    const { clock, reactor } = stage({ answers: { connect: -errno.ENETUNREACH } })
    const connecting = record(reactor.connect(URI, { timeoutMs: 1 }))
    clock.stall(100)
    clock.settle()
    expect(connecting.outcome).toBe('ENETUNREACH')
  })

  it('the same where it failed between the timer and the check phase', async () => {
    let answer: (addresses: string[]) => void = () => {}
    const asked = new Promise<string[]>((resolve) => {
      answer = resolve
    })
    const answers = { connect: -errno.ENETUNREACH }
    const { clock, reactor } = stage({ resolver: { resolve: () => asked }, answers })
    const connecting = record(reactor.connect('tcp://peer.test:80', { timeoutMs: 10 }))
    clock.settle()
    clock.stall(20)
    clock.runTimers()
    answer(['192.0.2.1'])
    await microtasks()
    clock.settle()
    expect(connecting.outcome).toBe('ENETUNREACH')
  })
})

describe('several addresses', () => {
  it.each([
    [['ECONNREFUSED', 'ENETUNREACH'], 'ECONNREFUSED'],
    [['ENETUNREACH', 'ECONNREFUSED'], 'ECONNREFUSED'],
    [['EACCES', 'EHOSTUNREACH'], 'EHOSTUNREACH'],
    [['ENETUNREACH', 'EHOSTUNREACH'], 'EHOSTUNREACH'],
  ] as const)('that fail with %j are told as %s', async (results, code) => {
    const addresses = results.map((_, i) => `192.0.2.${i}`)
    const { script, clock, reactor } = stage({ resolver: { resolve: async () => addresses } })
    script.once('finishConnect', ...results.map((name) => -errno[name]))
    const connecting = record(reactor.connect('tcp://peer.test:80'))
    await microtasks()
    for (const _ of results) script.deliverAll(script.open)
    clock.settle()
    expect(connecting.outcome).toBe(code)
    expect((connecting.ended as ConnectError).attempts).toHaveLength(2)
  })

  it('are not tried when this side has run out of something', async () => {
    const resolver = { resolve: async () => ['192.0.2.1', '192.0.2.2'] }
    const { clock, reactor } = stage({ resolver, answers: { open: -errno.EMFILE } })
    const connecting = record(reactor.connect('tcp://peer.test:80'))
    await microtasks()
    clock.settle()
    expect(connecting.ended).toMatchObject({ code: 'EMFILE', localFault: true })
    expect((connecting.ended as ConnectError).attempts).toHaveLength(1)
  })
})
