/** How connections end: peers that take nothing, and an error that the kernel tells only once. */
import { type Backend, errno, Interest, Readiness } from '@pollout/core'
import { scriptedBackend } from '@pollout/testing'
import { describe, expect, it, vi } from 'vitest'
import { connected, microtasks, record, watch } from './harness.js'

describe('a peer that takes nothing', () => {
  /** A connection with something unsent. */
  async function stuck() {
    const set = await connected()
    set.socket.answers.send = -errno.EAGAIN
    const sending = watch(set.connection.send('never taken'))
    // The one of the connect's deadline, which is left to find out by itself.
    const { pendingTimers } = set.clock
    return { ...set, sending, pendingTimers }
  }

  it('keeps `await using` waiting for 5 s, then is reset', async () => {
    const { clock, connection, socket, sending, pendingTimers } = await stuck()
    const left = watch(
      (async () => {
        await using _ = connection
      })(),
    )
    await microtasks()
    clock.advance(4_999)
    await microtasks()
    expect([left.state, socket.closed]).toEqual(['pending', undefined])
    clock.advance(1)
    await microtasks()
    expect([left.state, socket.closed, sending.state]).toEqual([
      'done',
      'reset',
      'ERR_CONNECTION_CLOSED',
    ])
    expect(clock.pendingTimers).toBe(pendingTimers)
  })

  it('keeps close({ timeoutMs }) waiting for so long, and close() for ever', async () => {
    const { clock, connection, socket } = await stuck()
    const closing = watch(connection.close())
    clock.advance(1_000_000)
    await microtasks()
    expect([closing.state, socket.closed]).toEqual(['pending', undefined])
    const patient = watch(connection.close({ timeoutMs: 200 }))
    const hasty = watch(connection.close({ timeoutMs: 100 }))
    clock.advance(99)
    await microtasks()
    expect([closing.state, patient.state, hasty.state]).toEqual(['pending', 'pending', 'pending'])
    clock.advance(1)
    await microtasks()
    expect([closing.state, patient.state, hasty.state]).toEqual(['done', 'done', 'done'])
    expect(socket.closed).toBe('reset')
  })

  it('that takes it after all is closed gracefully, and no timer is left', async () => {
    const { script, clock, connection, socket, sending, pendingTimers } = await stuck()
    const closing = watch(connection.close({ timeoutMs: 100 }))
    clock.advance(50)
    socket.answers.send = (_, data, offset) => data.length - offset
    script.deliverAll([socket])
    await microtasks()
    expect([closing.state, sending.state, socket.closed]).toEqual(['done', 'done', 'graceful'])
    expect(clock.pendingTimers).toBe(pendingTimers)
    clock.advance(100)
    await connection.close({ timeoutMs: 100 })
    expect(clock.pendingTimers).toBe(pendingTimers)
  })

  it('close() refuses a time that is none', async () => {
    const { connection } = await connected()
    expect(() => connection.close({ timeoutMs: 0 })).toThrow(RangeError)
    expect(connection.closed).toBe(false)
  })
})

describe('a peer that resets while this side sends and reads', () => {
  /** Who asks first is told ECONNRESET; after that, the kernel knows of an end only. */
  async function resetting() {
    const set = await connected()
    const order: string[] = []
    let told = false
    const reset = () => {
      const ask = (who: string, later: number) => (): number => {
        order.push(who)
        if (told) return later
        told = true
        return -errno.ECONNRESET
      }
      set.socket.answers.receive = ask('receive', 0)
      set.socket.answers.send = ask('send', -errno.EPIPE)
    }
    const received = record(set.connection.received)
    set.script.once('send', -errno.EAGAIN)
    const waiting = watch(set.connection.send('waits'))
    return { ...set, order, received, waiting, reset }
  }

  it('both find out in one readiness: reading goes first, and both are told', async () => {
    const { script, socket, order, received, waiting, reset } = await resetting()
    reset()
    script.deliverAll([socket], Readiness.ERROR | Readiness.HANGUP)
    await microtasks()
    expect(order).toEqual(['receive', 'send'])
    expect([received.outcome, waiting.state]).toEqual(['ECONNRESET', 'EPIPE'])
  })

  it('the sender finds out first: the reader gets what came before, and then the error', async () => {
    const { script, connection, socket, received, waiting } = await resetting()
    script.once('send', -errno.ECONNRESET)
    script.deliverAll([socket], Readiness.WRITABLE)
    await microtasks()
    expect([waiting.state, received.outcome]).toEqual(['ECONNRESET', 'open'])
    socket.arrive('last words')
    socket.arrive('end')
    for (let i = 0; i < 2; i++) script.deliverAll([socket], Readiness.READABLE)
    expect(received.values.map(String)).toEqual(['last words'])
    expect(received.ended).toMatchObject({ code: 'ECONNRESET', phase: 'receive', syscall: 'recv' })
    expect(connection.closed).toBe(false)
  })

  it('the sender finds out while nobody reads: whoever reads later is told', async () => {
    const { script, connection, socket } = await connected()
    script.once('send', -errno.ECONNRESET)
    const sending = watch(connection.send('x'))
    await microtasks()
    expect(sending.state).toBe('ECONNRESET')
    socket.arrive('end')
    const received = record(connection.received)
    script.deliverAll([socket], Readiness.READABLE)
    expect(received.outcome).toBe('ECONNRESET')
    const next = watch(connection.chunks().next())
    await microtasks()
    script.deliverAll([socket], Readiness.READABLE)
    await microtasks()
    expect(next.state).toBe('ECONNRESET')
  })

  it('EPIPE is no error of the stream that is received: that one ends', async () => {
    const { script, connection, socket } = await connected()
    const received = record(connection.received)
    script.once('send', -errno.EPIPE)
    const sending = watch(connection.send('x'))
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    await microtasks()
    expect([sending.state, received.outcome]).toEqual(['EPIPE', 'complete'])
  })
})

describe('system calls', () => {
  it('a readiness costs one register() at most, and no deregister()', async () => {
    const sink = { ready() {}, broken() {} }
    const prototype: Backend = Object.getPrototypeOf(scriptedBackend().factory(sink))
    const register = vi.spyOn(prototype, 'register')
    const deregister = vi.spyOn(prototype, 'deregister')
    try {
      const { script, connection, socket } = await connected()
      const calls = (): number[] => {
        const made = [register.mock.calls.length, deregister.mock.calls.length]
        register.mockClear()
        deregister.mockClear()
        return made
      }
      const received = record(connection.received)
      socket.answers.send = -errno.EAGAIN
      const sending = watch(connection.send('waits'))
      calls()
      // Data, room that is gone again, both, and an alarm that was false.
      for (const readiness of [Readiness.READABLE, Readiness.WRITABLE, 3, 3]) {
        socket.arrive('x')
        script.deliverAll([socket], readiness)
        expect(calls()).toEqual([1, 0])
        expect(socket.registration?.interest).toBe(Interest.READABLE | Interest.WRITABLE)
      }
      socket.answers.send = 5
      script.deliverAll([socket], 3)
      await microtasks()
      expect([sending.state, calls()]).toEqual(['done', [1, 0]])
      expect(socket.registration?.interest).toBe(Interest.READABLE)

      // After the end there is nothing to wait for.
      socket.arrive('end')
      script.deliverAll([socket], Readiness.READABLE)
      expect([received.outcome, calls(), socket.registration]).toEqual([
        'complete',
        [0, 0],
        undefined,
      ])
    } finally {
      register.mockRestore()
      deregister.mockRestore()
    }
  })
})

describe('a backend in whose send() the link is ended', () => {
  /** It takes `taken` bytes, once `act` was done. */
  async function ending(taken: number, act: 'reset' | 'destroy') {
    const set = await connected()
    const { link } = set.connection
    vi.spyOn(link.core.backend, 'send').mockImplementation(() => {
      if (act === 'reset') link.reset()
      else void set.reactor.destroy()
      return taken
    })
    return link
  }
  const codes = { reset: 'ERR_CONNECTION_CLOSED', destroy: 'ERR_REACTOR_DESTROYED' } as const
  const rows = [3, 1].flatMap((taken) =>
    (['reset', 'destroy'] as const).map((act) => [taken, act] as const),
  )

  it.each(rows)('tells who writes once: %d of 3 bytes, %s', async (taken, act) => {
    const link = await ending(taken, act)
    const told: unknown[] = []
    link.write(Buffer.from('abc'), (error) => told.push(error?.code))
    expect([told, link.unsentBytes]).toEqual([[codes[act]], 0])
  })

  it.each(rows)('rejects who sends: %d of 3 bytes, %s', async (taken, act) => {
    const link = await ending(taken, act)
    const sending = watch(link.send(Buffer.from('abc')))
    await microtasks()
    expect([sending.state, link.unsentBytes]).toEqual([codes[act], 0])
  })
})
