/** The Web-stream faces, and idle timeouts, on a scripted backend. */
import { errno, Interest, Readiness } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { connected, microtasks, record, watch } from './harness.js'

const text = (chunk: Uint8Array | undefined): string => Buffer.from(chunk ?? []).toString()

describe('readable', () => {
  it('takes one chunk for each read, and reads nothing ahead', async () => {
    const { script, connection, socket } = await connected()
    const { readable } = connection
    expect(connection.readable).toBe(readable)
    const reader = readable.getReader()
    await microtasks()
    expect(socket.registration).toBeUndefined()
    for (const word of ['one', 'two']) {
      const next = reader.read()
      await microtasks()
      expect(socket.registration?.interest).toBe(Interest.READABLE)
      socket.arrive(word)
      script.deliverAll([socket], Readiness.READABLE)
      expect(text((await next).value)).toBe(word)
      await microtasks()
      expect(socket.registration).toBeUndefined()
    }
    const end = reader.read()
    await microtasks()
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    expect((await end).done).toBe(true)
    expect(connection.closed).toBe(false)
  })

  it('errors as the connection does; cancelling resets', async () => {
    const failing = await connected()
    const reading = watch(failing.connection.readable.getReader().read())
    await microtasks()
    failing.script.once('receive', -errno.ECONNRESET)
    failing.script.deliverAll([failing.socket], Readiness.ERROR)
    await microtasks()
    expect(reading.state).toBe('ECONNRESET')

    const { connection, socket } = await connected()
    await connection.readable.cancel()
    expect([connection.closed, socket.closed]).toEqual([true, 'reset'])
  })

  it('has one reader with all other faces', async () => {
    const { connection } = await connected()
    const received = record(connection.received)
    const reading = watch(connection.readable.getReader().read())
    await microtasks()
    expect(reading.state).toBe('ERR_ALREADY_READING')
    received.subscription.unsubscribe()
  })
})

describe('writable', () => {
  it('goes at the pace of the peer; closing it is end()', async () => {
    const { script, connection, socket } = await connected()
    const writer = connection.writable.getWriter()
    script.once('send', 1)
    const written = watch(writer.write(Buffer.from('abc')))
    const next = watch(writer.write(Buffer.from('def')))
    const closing = watch(writer.close())
    await microtasks()
    expect([socket.sentText, written.state, next.state]).toEqual(['a', 'pending', 'pending'])
    script.deliverAll([socket])
    await microtasks()
    expect([socket.sentText, written.state, next.state]).toEqual(['abcdef', 'done', 'done'])
    expect([closing.state, connection.closed]).toEqual(['done', false])
    await expect(connection.send('late')).rejects.toMatchObject({ code: 'EPIPE' })
  })

  it('aborting it resets; what is no Uint8Array errors it', async () => {
    const { connection, socket } = await connected()
    await connection.writable.abort()
    expect(socket.closed).toBe('reset')
    const other = await connected()
    const writer = other.connection.writable.getWriter()
    writer.closed.catch(() => {})
    await expect(writer.write('text' as unknown as Uint8Array)).rejects.toThrow(TypeError)
  })

  it('once both sides have ended the connection is closed', async () => {
    const { script, connection, socket } = await connected()
    const reader = connection.readable.getReader()
    await connection.writable.close()
    const end = reader.read()
    await microtasks()
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    await end
    expect([connection.closed, socket.closed]).toEqual([true, 'graceful'])
  })
})

describe('idleTimeout()', () => {
  it('resets what nothing happens on, and tells who reads and who sends', async () => {
    const { script, clock, connection, socket } = await connected()
    connection.idleTimeout(100)
    const received = record(connection.received)
    script.once('send', 1)
    clock.advance(60)
    const sending = watch(connection.send('ab'))
    clock.advance(60)
    socket.arrive('x')
    script.deliverAll([socket], Readiness.READABLE)
    clock.advance(99)
    expect([received.outcome, socket.closed]).toEqual(['open', undefined])
    clock.advance(1)
    await microtasks()
    expect([received.outcome, sending.state, socket.closed]).toEqual([
      'ERR_IDLE_TIMEOUT',
      'ERR_IDLE_TIMEOUT',
      'reset',
    ])
    expect(received.ended).toMatchObject({ phase: 'aborted', address: '192.0.2.1' })
    expect((received.ended as Error).message).toContain('100 ms')
  })

  it('is told to who reads later, too', async () => {
    const { clock, connection } = await connected()
    const { pendingTimers } = clock
    connection.idleTimeout(100)
    clock.advance(100)
    const late = record(connection.received)
    clock.settle()
    expect(late.outcome).toBe('ERR_IDLE_TIMEOUT')
    await expect(connection.send('x')).rejects.toMatchObject({ code: 'ERR_IDLE_TIMEOUT' })
    connection.idleTimeout(5)
    expect(clock.pendingTimers).toBe(pendingTimers)
  })

  it('is taken back by Infinity, replaced by another, and ends with the connection', async () => {
    const { clock, connection } = await connected()
    const { pendingTimers } = clock
    connection.idleTimeout(100)
    connection.idleTimeout(200)
    clock.advance(150)
    expect(connection.closed).toBe(false)
    connection.idleTimeout(Number.POSITIVE_INFINITY)
    expect(clock.pendingTimers).toBe(pendingTimers)
    connection.idleTimeout(100)
    await connection.close()
    expect(clock.pendingTimers).toBe(pendingTimers)
    for (const wrong of [0, -1, Number.NaN, undefined as unknown as number]) {
      expect(() => connection.idleTimeout(wrong)).toThrow(RangeError)
    }
  })
})
