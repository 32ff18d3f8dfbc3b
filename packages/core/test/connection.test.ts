/** Connections on a scripted backend: partial sends, errors in the middle, and what is told to whom. */
import { errno, Interest, Readiness } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { connected, microtasks, record, watch } from './harness.js'

describe('sending', () => {
  it('takes what the kernel takes, and waits for room in between', async () => {
    const { script, connection, socket } = await connected()
    script.once('send', 2, 1)
    const sending = watch(connection.send('abcdef'))
    const after = watch(connection.send('!'))
    expect(socket.sentText).toBe('ab')
    expect(connection.unsentBytes).toBe(5)
    expect(socket.registration?.interest).toBe(Interest.WRITABLE)
    script.deliverAll([socket])
    expect(socket.sentText).toBe('abc')
    script.deliverAll([socket])
    await microtasks()
    expect([socket.sentText, sending.state, after.state]).toEqual(['abcdef!', 'done', 'done'])
    expect([connection.unsentBytes, socket.registration]).toEqual([0, undefined])
  })

  it('an error in the middle rejects this and all later sends; reading goes on', async () => {
    const { script, connection, socket } = await connected()
    const received = record(connection.received)
    script.once('send', 1)
    const waiting = ['abc', 'def'].map((text) => watch(connection.send(text)))
    const ending = watch(connection.end())
    script.once('send', -errno.ECONNRESET)
    script.deliverAll([socket])
    const late = watch(connection.send('late'))
    await microtasks()
    expect([...waiting, ending, late].map(({ state }) => state)).toEqual(
      Array(4).fill('ECONNRESET'),
    )
    expect(connection.unsentBytes).toBe(0)
    socket.arrive('still here')
    script.ready(socket, Readiness.READABLE)
    script.deliver()
    expect(String(received.values[0])).toBe('still here')
  })

  it('end() comes after what waits, and a failing shutdown is told', async () => {
    const { script, connection, socket } = await connected()
    script.once('send', -errno.EAGAIN)
    script.once('shutdown', -errno.ENOTCONN)
    const sending = watch(connection.send('x'))
    const ending = watch(connection.end())
    const late = watch(connection.send('late'))
    await microtasks()
    expect([sending.state, ending.state, late.state]).toEqual(['pending', 'pending', 'EPIPE'])
    script.deliverAll([socket])
    await microtasks()
    expect([sending.state, ending.state]).toEqual(['done', 'ENOTCONN'])
  })

  it('close() waits for all that was sent before, then closes gracefully', async () => {
    const { script, connection, socket } = await connected()
    script.once('send', 1)
    const sending = watch(connection.send('ab'))
    const closing = watch(connection.close())
    const again = watch(connection.close())
    await microtasks()
    expect([closing.state, connection.closed, socket.closed]).toEqual(['pending', true, undefined])
    script.deliverAll([socket])
    await microtasks()
    expect([sending.state, closing.state, again.state]).toEqual(['done', 'done', 'done'])
    expect([socket.closed, socket.sentText]).toEqual(['graceful', 'ab'])
  })

  it.each(['an error', 'reset()'])('close() that waits is ended by %s', async (how) => {
    const { script, connection, socket } = await connected()
    script.once('send', -errno.EAGAIN)
    const sending = watch(connection.send('ab'))
    const closing = watch(connection.close())
    if (how === 'reset()') connection.reset()
    else {
      script.once('send', -errno.EPIPE)
      script.deliverAll([socket])
    }
    await microtasks()
    expect([sending.state, closing.state]).toEqual([
      how === 'reset()' ? 'ERR_CONNECTION_CLOSED' : 'EPIPE',
      'done',
    ])
    expect(socket.closed).toBe(how === 'reset()' ? 'reset' : 'graceful')
  })

  it('a send taken back while close() waits does not cut the others short', async () => {
    const { script, connection, socket } = await connected()
    const controller = new AbortController()
    script.once('send', -errno.EAGAIN)
    const first = watch(connection.send('first'))
    const last = watch(connection.send('last', { signal: controller.signal }))
    const closing = watch(connection.close())
    controller.abort()
    await microtasks()
    expect([first.state, last.state, closing.state]).toEqual(['pending', 'ABORT_ERR', 'pending'])
    script.deliverAll([socket])
    await microtasks()
    expect([first.state, closing.state, socket.sentText]).toEqual(['done', 'done', 'first'])
  })

  it.each(['close', 'end'] as const)(
    '%s() behind a send taken back waits for nothing more',
    async (how) => {
      const { script, connection, socket, reactor } = await connected()
      const controller = new AbortController()
      script.once('send', -errno.EAGAIN)
      const taken = watch(connection.send('x', { signal: controller.signal }))
      const ended = watch(connection[how]())
      controller.abort()
      await microtasks()
      expect([taken.state, ended.state, socket.sentText]).toEqual(['ABORT_ERR', 'done', ''])
      expect([connection.unsentBytes, reactor.stats().registrations]).toEqual([0, 0])
    },
  )

  it('aborted before: nothing is sent; partly sent: reset', async () => {
    const { script, connection, socket } = await connected()
    const early = watch(connection.send('x', { signal: AbortSignal.abort() }))
    await microtasks()
    expect([early.state, socket.sentText]).toEqual(['ABORT_ERR', ''])
    const controller = new AbortController()
    script.once('send', 1)
    const partly = watch(connection.send('ab', { signal: controller.signal }))
    controller.abort()
    await microtasks()
    expect([partly.state, socket.closed]).toEqual(['ABORT_ERR', 'reset'])
  })

  it('takes bytes and text only', async () => {
    const { connection, socket } = await connected()
    expect(() => connection.send(5 as unknown as string)).toThrow(TypeError)
    await connection.send(new Uint8Array([0x68, 0x69]).subarray(1))
    await connection.send('')
    await connection.send('ü')
    expect(socket.sentText).toBe('iü')
  })
})

describe('receiving', () => {
  it('asks for readiness only while somebody reads', async () => {
    const { connection, socket } = await connected()
    expect(socket.registration).toBeUndefined()
    const received = record(connection.received)
    expect(socket.registration?.interest).toBe(Interest.READABLE)
    received.subscription.unsubscribe()
    expect(socket.registration).toBeUndefined()
  })

  it('reads one chunk a report, and a false alarm is none', async () => {
    const { script, connection, socket } = await connected()
    const received = record(connection.received)
    socket.arrive('one')
    socket.arrive('two')
    for (let i = 0; i < 3; i++) script.deliverAll([socket], Readiness.READABLE)
    expect(received.values.map(String)).toEqual(['one', 'two'])
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE | Readiness.HANGUP)
    expect(received.outcome).toBe('complete')
    expect([connection.closed, socket.registration]).toEqual([false, undefined])
  })

  it('an error comes after the data before it, as a ConnectError of phase receive', async () => {
    const { script, connection, socket } = await connected()
    const received = record(connection.received)
    socket.arrive('data')
    script.deliverAll([socket], Readiness.READABLE)
    script.once('receive', -errno.ECONNRESET)
    script.deliverAll([socket], Readiness.ERROR | Readiness.HANGUP)
    expect(received.values.map(String)).toEqual(['data'])
    expect(received.ended).toMatchObject({
      code: 'ECONNRESET',
      phase: 'receive',
      syscall: 'recv',
      address: '192.0.2.1',
    })
  })

  it('an iteration reads only as fast as it is stepped', async () => {
    const { script, connection, socket } = await connected()
    const chunks = connection.chunks()
    const first = chunks.next()
    socket.arrive('one')
    socket.arrive('two')
    script.deliverAll([socket], Readiness.READABLE)
    expect(String((await first).value)).toBe('one')
    expect(socket.registration).toBeUndefined()
    const second = chunks.next()
    await microtasks()
    script.deliverAll([socket], Readiness.READABLE)
    expect(String((await second).value)).toBe('two')
    await chunks.return()
    expect(socket.registration).toBeUndefined()
  })

  it('reading and writing share the one registration', async () => {
    const { script, connection, socket } = await connected()
    const received = record(connection.received)
    script.once('send', -errno.EAGAIN)
    const sending = watch(connection.send('x'))
    expect(socket.registration?.interest).toBe(Interest.READABLE | Interest.WRITABLE)
    socket.arrive('in')
    script.deliverAll([socket], Readiness.READABLE)
    expect(String(received.values[0])).toBe('in')
    expect(socket.registration?.interest).toBe(Interest.READABLE | Interest.WRITABLE)
    script.deliverAll([socket], Readiness.WRITABLE)
    await microtasks()
    expect(sending.state).toBe('done')
    expect(socket.registration?.interest).toBe(Interest.READABLE)
  })

  it('closing completes the reader in a later turn; a poller that refuses ends it', async () => {
    const { clock, connection } = await connected()
    const received = record(connection.received)
    void connection.close()
    expect(received.outcome).toBe('open')
    clock.settle()
    expect(received.outcome).toBe('complete')
    const late = record(connection.received)
    clock.settle()
    expect(late.outcome).toBe('complete')

    const refused = await connected()
    refused.script.once('register', -errno.ENOSPC)
    const reading = record(refused.connection.received)
    refused.clock.settle()
    expect([reading.outcome, refused.socket.closed]).toEqual(['ENOSPC', 'reset'])
  })
})
