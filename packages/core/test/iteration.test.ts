/** Async iteration over a connection: leaving it, asking ahead, and what the next reader finds. */
import { getEventListeners } from 'node:events'
import { Readable } from 'node:stream'
import { errno, Interest, Readiness } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { connected, microtasks, record, type Stage, watch } from './harness.js'

type Socket = Stage['script']['sockets'][number]

function arrive({ script, socket }: { script: Stage['script']; socket: Socket }, data: string) {
  socket.arrive(data)
  script.deliverAll([socket], Readiness.READABLE)
}

describe('chunks()', () => {
  it.each(['return()', 'an abort'])('%s while next() waits settles both at once', async (how) => {
    const { connection, socket } = await connected()
    const controller = new AbortController()
    const chunks = connection.chunks({ signal: controller.signal })
    const next = chunks.next()
    const waiting = watch(next)
    await microtasks()
    expect([waiting.state, socket.registration?.interest]).toEqual(['pending', Interest.READABLE])
    if (how === 'return()') {
      const leaving = watch(chunks.return())
      await microtasks()
      expect([leaving.state, await next]).toEqual(['done', { done: true, value: undefined }])
    } else {
      controller.abort()
      await microtasks()
      expect(waiting.state).toBe('ABORT_ERR')
    }
    expect(socket.registration).toBeUndefined()
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
    expect([socket.registration, connection.closed]).toEqual([undefined, false])
  })

  it.each(['received', 'chunks()'])('once they were left, %s can read', async (reader) => {
    const set = await connected()
    const left = set.connection.chunks()
    void left.next()
    await left.return()
    if (reader === 'received') {
      const received = record(set.connection.received)
      // A second time, with somebody else reading: that is none of its business.
      await left.return()
      arrive(set, 'hello')
      expect(received.values.map(String)).toEqual(['hello'])
      received.subscription.unsubscribe()
    } else {
      const chunks = set.connection.chunks()
      const next = chunks.next()
      await left.return()
      arrive(set, 'hello')
      expect(String((await next).value)).toBe('hello')
    }
  })

  it('leaving before the first step reads nothing, and takes nobody the place', async () => {
    const { connection, socket } = await connected()
    const chunks = connection.chunks()
    await chunks.return()
    expect(await chunks.next()).toEqual({ done: true, value: undefined })
    expect(socket.registration).toBeUndefined()
    const received = record(connection.received)
    expect(received.outcome).toBe('open')
    received.subscription.unsubscribe()
  })

  it('several next() without awaiting get the chunks in order, then the end', async () => {
    const set = await connected()
    const chunks = set.connection.chunks()
    const steps = Array.from({ length: 4 }, () => chunks.next())
    await microtasks()
    for (const data of ['one', 'two']) arrive(set, data)
    expect(String((await steps[0])?.value)).toBe('one')
    expect(String((await steps[1])?.value)).toBe('two')
    expect(set.socket.registration?.interest).toBe(Interest.READABLE)
    arrive(set, 'end')
    const done = { done: true, value: undefined }
    expect(await Promise.all(steps.slice(2))).toEqual([done, done])
    expect(set.socket.registration).toBeUndefined()
  })

  it('of several that wait, the first is told of an error, the others of the end', async () => {
    const { script, connection, socket } = await connected()
    const chunks = connection.chunks()
    const steps = Array.from({ length: 3 }, () => chunks.next())
    const [first] = steps.map(watch)
    await microtasks()
    script.once('receive', -errno.ECONNRESET)
    script.deliverAll([socket], Readiness.ERROR)
    await microtasks()
    expect(first?.state).toBe('ECONNRESET')
    const done = { done: true, value: undefined }
    expect(await Promise.all(steps.slice(1))).toEqual([done, done])
  })

  it('a second reader is rejected, and does not disturb the first', async () => {
    const set = await connected()
    const chunks = set.connection.chunks()
    const next = chunks.next()
    const intruder = set.connection.chunks()
    const rejected = watch(intruder.next())
    await microtasks()
    expect(rejected.state).toBe('ERR_ALREADY_READING')
    await intruder.return()
    arrive(set, 'hello')
    expect(String((await next).value)).toBe('hello')
  })

  it('closing the connection ends a step that waits', async () => {
    const { clock, connection } = await connected()
    const next = connection.chunks().next()
    await microtasks()
    void connection.close()
    clock.settle()
    expect(await next).toEqual({ done: true, value: undefined })
  })
})

it('Readable.from(connection) that is destroyed leaves nothing armed, and makes room', async () => {
  const set = await connected()
  const stream = Readable.from(set.connection)
  const data: string[] = []
  stream.on('data', (chunk) => data.push(String(chunk)))
  await immediate()
  arrive(set, 'one')
  await immediate()
  expect(data).toEqual(['one'])
  expect(set.socket.registration?.interest).toBe(Interest.READABLE)
  const closed = new Promise((resolve) => stream.on('close', resolve))
  stream.destroy()
  await closed
  expect([set.socket.registration, set.connection.closed]).toEqual([undefined, false])
  const received = record(set.connection.received)
  arrive(set, 'two')
  expect(received.values.map(String)).toEqual(['two'])
  received.subscription.unsubscribe()
})

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
