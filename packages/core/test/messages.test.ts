/** Connections that carry messages, on a scripted backend: what is sent whole, what one error ends, and what it does not. */
import { type Connection, errno, Interest, Readiness } from '@pollout/core'
import type { ScriptedSocket } from '@pollout/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { microtasks, record, type Stage, stage, watch } from './harness.js'

const DATAGRAMS = 'udp://192.0.2.1:53'
const PACKETS = 'unixpacket:/run/x'

function connected(endpoint: string): Stage & { connection: Connection; socket: ScriptedSocket } {
  const set = stage()
  const connecting = record(set.reactor.connect(endpoint))
  set.script.deliverAll(set.script.sockets)
  const [connection] = connecting.values
  const [socket] = set.script.sockets
  if (!connection || !socket) throw new Error('not connected')
  onTestFinished(() => connection.reset())
  return { ...set, connection, socket }
}

describe('sending messages', () => {
  it.each([
    [DATAGRAMS, 'dgram'],
    [PACKETS, 'seqpacket'],
  ])('%s: each is one call, whatever it answers', async (endpoint, type) => {
    const { script, connection, socket } = connected(endpoint)
    expect([connection.type, socket.spec.type]).toEqual([type, type])
    const calls: [number, number][] = []
    socket.answers.send = (_socket, data, offset) => {
      calls.push([data.length, offset])
      return calls.length === 2 ? -errno.EAGAIN : 1
    }
    const sending = ['abc', 'defgh', 'i'].map((text) => watch(connection.send(text)))
    expect(connection.unsentBytes).toBe(6)
    script.deliverAll([socket])
    await microtasks()
    expect(calls).toEqual([[3, 0], [5, 0], [5, 0], [1, 0]]) // biome-ignore format: pairs
    expect([...sending.map(({ state }) => state), connection.unsentBytes]).toEqual([
      ...['done', 'done', 'done', 0],
    ])
  })

  it.each([
    [DATAGRAMS, 'EMSGSIZE'],
    [DATAGRAMS, 'ECONNREFUSED'],
    [DATAGRAMS, 'EHOSTUNREACH'],
    [DATAGRAMS, 'EPERM'],
    [DATAGRAMS, 'ENOBUFS'],
    [PACKETS, 'EMSGSIZE'],
    [PACKETS, 'ENOBUFS'],
  ] as const)('%s: %s rejects that send alone', async (endpoint, code) => {
    const { script, connection, socket } = connected(endpoint)
    script.once('send', -errno.EAGAIN)
    const sending = ['first', 'second', 'third'].map((text) => watch(connection.send(text)))
    script.once('send', 5, -errno[code], 5)
    script.deliverAll([socket])
    await microtasks()
    expect(sending.map(({ state }) => state)).toEqual(['done', code, 'done'])
    const late = watch(connection.send('late'))
    await microtasks()
    expect([late.state, connection.closed, connection.unsentBytes]).toEqual(['done', false, 0])
  })

  it('of packets, a broken connection ends all sending, and is told to the reader in the end’s place', async () => {
    const { script, connection, socket } = connected(PACKETS)
    const received = record(connection.received)
    script.once('send', -errno.EAGAIN)
    const sending = ['a', 'b'].map((text) => watch(connection.send(text)))
    script.once('send', -errno.ECONNRESET)
    script.deliverAll([socket], Readiness.WRITABLE)
    await microtasks()
    expect(sending.map(({ state }) => state)).toEqual(['ECONNRESET', 'ECONNRESET'])
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    expect(received.outcome).toBe('ECONNRESET')
  })

  it('an empty datagram is sent, an empty packet is not; both keep their place', async () => {
    const datagrams = connected(DATAGRAMS)
    await datagrams.connection.send('')
    expect(datagrams.socket.sent.map(String)).toEqual([''])

    const { script, connection, socket } = connected(PACKETS)
    script.once('send', -errno.EAGAIN)
    const before = watch(connection.send('before'))
    const empty = watch(connection.send(''))
    await microtasks()
    expect([before.state, empty.state]).toEqual(['pending', 'pending'])
    script.deliverAll([socket])
    await microtasks()
    expect([before.state, empty.state, ...socket.sent.map(String)]).toEqual([
      ...['done', 'done', 'before'],
    ])
  })

  it('one that waits is taken back by its signal, and the connection stays', async () => {
    const { script, connection, socket } = connected(DATAGRAMS)
    script.once('send', -errno.EAGAIN)
    const controller = new AbortController()
    const first = watch(connection.send('first', { signal: controller.signal }))
    const second = watch(connection.send('second'))
    controller.abort()
    await microtasks()
    expect([first.state, second.state, socket.sentText]).toEqual(['ABORT_ERR', 'done', 'second'])
    expect(connection.closed).toBe(false)
  })

  it('close() waits for the datagrams before it, an empty one too, and sends none of its own', async () => {
    const { script, connection, socket } = connected(DATAGRAMS)
    script.once('send', -errno.EAGAIN)
    void connection.send('')
    const closing = watch(connection.close())
    await microtasks()
    expect([closing.state, socket.closed]).toEqual(['pending', undefined])
    script.deliverAll([socket])
    await microtasks()
    expect([closing.state, socket.closed, socket.sent.length]).toEqual(['done', 'graceful', 1])
  })

  it('end() makes no system call on datagrams, and shuts packets down', async () => {
    for (const [endpoint, ended] of [
      [DATAGRAMS, false],
      [PACKETS, true],
    ] as const) {
      const { connection, socket } = connected(endpoint)
      await connection.end()
      expect(socket.ended).toBe(ended)
      const late = watch(connection.send('late'))
      await microtasks()
      expect(late.state).toBe('EPIPE')
    }
  })
})

describe('receiving messages', () => {
  it('an empty datagram is an empty chunk, and so is an empty packet, which is no end', () => {
    for (const endpoint of [DATAGRAMS, PACKETS]) {
      const { script, connection, socket } = connected(endpoint)
      const received = record(connection.received)
      for (const text of ['a', '', 'b']) {
        socket.arrive(text)
        script.deliverAll([socket], Readiness.READABLE)
      }
      expect(received.values.map(String)).toEqual(['a', '', 'b'])
      expect([received.outcome, connection.peerEnded]).toEqual(['open', false])
      if (endpoint === DATAGRAMS) continue
      socket.arrive('end')
      script.deliverAll([socket], Readiness.READABLE)
      expect([received.outcome, connection.peerEnded]).toEqual(['complete', true])
    }
  })

  it('an error ends the reading of datagrams, and another may begin', () => {
    const { script, connection, socket } = connected(DATAGRAMS)
    const first = record(connection.received)
    script.once('receive', -errno.ECONNREFUSED)
    script.deliverAll([socket], Readiness.ERROR)
    expect(first.ended).toMatchObject({
      code: 'ECONNREFUSED',
      phase: 'receive',
      address: '192.0.2.1',
    })
    expect(connection.closed).toBe(false)
    const second = record(connection.received)
    expect(socket.registration?.interest).toBe(Interest.READABLE)
    socket.arrive('answer')
    script.deliverAll([socket], Readiness.READABLE)
    expect([second.outcome, ...second.values.map(String)]).toEqual(['open', 'answer'])
  })

  it('a refused send does not put an error in place of what comes after', async () => {
    const { script, connection, socket } = connected(DATAGRAMS)
    script.once('send', -errno.ECONNREFUSED)
    const sending = watch(connection.send('x'))
    await microtasks()
    const received = record(connection.received)
    socket.arrive('')
    script.deliverAll([socket], Readiness.READABLE)
    expect([sending.state, received.outcome, received.values.length]).toEqual([
      ...['ECONNREFUSED', 'open', 1],
    ])
  })
})
