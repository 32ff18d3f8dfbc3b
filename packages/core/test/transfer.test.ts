/** How data passes a connection, on a scripted backend: what is held back for a moment, and what is read in a row. */
import { createReactor, errno, Readiness } from '@pollout/core'
import { type ScriptedSocket, scriptedBackend } from '@pollout/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Connection } from '../src/connection/connection.js'
import { connected, microtasks, record, stage, watch } from './harness.js'

const KIBIBYTE = 1024

/** What happens inside the handler of one event that brings 'x'. */
async function inHandler(act: (connection: Connection, socket: ScriptedSocket) => void) {
  const set = await connected()
  const reading = set.connection.received.subscribe(() => act(set.connection, set.socket))
  onTestFinished(() => reading.unsubscribe())
  set.socket.arrive('x')
  return { ...set, deliver: () => set.script.deliverAll([set.socket], Readiness.READABLE) }
}

/** Ways to end a connection, and how its socket then went. */
const ENDINGS: readonly [string, string, (connection: Connection) => void][] = [
  ['close()', 'graceful', (connection) => void connection.close()],
  ['reset()', 'reset', (connection) => connection.reset()],
  ['detach()', 'detached', (connection) => void connection.detach()],
  ['leave()', 'graceful', (connection) => connection.link.leave()],
]

describe('sending from inside a batch', () => {
  it('is put off until the handlers have run, and then done in order', async () => {
    const { script, reactor } = stage()
    const urls = ['tcp://192.0.2.1:80', 'tcp://192.0.2.2:80']
    const connecting = urls.map((url) => record(reactor.connect(url)))
    script.deliverAll(script.sockets)
    const log: string[] = []
    const sendings: { state: string }[] = []
    for (const connection of connecting.flatMap(({ values }) => values)) {
      onTestFinished(() => connection.reset())
      connection.received.subscribe((text) => {
        log.push(`${text}: ${script.sockets.map(({ sentText }) => sentText)}`)
        for (const part of ['1', '2']) sendings.push(watch(connection.send(text + part)))
      })
    }
    script.sockets.forEach((socket, index) => void socket.arrive('ab'.charAt(index)))
    script.deliverAll(script.sockets, Readiness.READABLE)
    expect(log).toEqual(['a: ,', 'b: ,'])
    expect(script.sockets.map(({ sentText }) => sentText)).toEqual(['a1a2', 'b1b2'])
    await microtasks()
    expect(sendings.map(({ state }) => state)).toEqual(Array(4).fill('done'))
  })

  it.each(ENDINGS)('is done before %s', async (_how, mode, end) => {
    let sending = { state: 'not begun' }
    const seen: unknown[] = []
    const { deliver } = await inHandler((connection, socket) => {
      sending = watch(connection.send('last words'))
      end(connection)
      seen.push(socket.sentText, socket.closed)
    })
    deliver()
    await microtasks()
    expect([sending.state, ...seen]).toEqual(['done', 'last words', mode])
  })

  it('that fails is told its errno, and so is what follows', async () => {
    const states: { state: string }[] = []
    const { script, connection, socket, deliver } = await inHandler((connection) => {
      states.push(watch(connection.send('a')), watch(connection.send('b')))
    })
    script.once('send', -errno.ECONNRESET)
    deliver()
    states.push(watch(connection.send('c')))
    await microtasks()
    expect(states.map(({ state }) => state)).toEqual(Array(3).fill('ECONNRESET'))
    expect([connection.unsentBytes, socket.sentText]).toEqual([0, ''])
  })

  it('is counted as unsent, and taken back by its signal', async () => {
    const controller = new AbortController()
    const seen: number[] = []
    let sending = { state: 'not begun' }
    const { connection, socket, deliver } = await inHandler((connection) => {
      sending = watch(connection.send('taken back', { signal: controller.signal }))
      seen.push(connection.unsentBytes)
      controller.abort()
      seen.push(connection.unsentBytes)
    })
    deliver()
    await microtasks()
    expect([sending.state, seen, socket.sentText]).toEqual(['ABORT_ERR', [10, 0], ''])
    expect(connection.closed).toBe(false)
  })
})

it('a loop that awaits nothing but send() lets the event loop turn', async () => {
  const script = scriptedBackend()
  const reactor = createReactor({ backend: script.factory })
  onTestFinished(() => reactor.destroy())
  const connecting = record(reactor.connect('tcp://192.0.2.1:80'))
  script.deliverAll(script.sockets)
  const [connection] = connecting.values
  let turns = 0
  const turn = (): void => {
    turns++
    if (turns < 3) setImmediate(turn)
  }
  setImmediate(turn)
  let sends = 0
  for (; turns < 3 && sends < 10_000; sends++) await connection?.send('x')
  expect(turns).toBe(3)
  expect(script.sockets[0]?.sentText.length).toBe(sends)
})

describe('reading', () => {
  it('goes on while the buffer is filled, for a while; each chunk is the reader’s to keep', async () => {
    const { script, connection, socket } = await connected()
    const received = record(connection.received)
    const data = Buffer.from(Array.from({ length: 33 * 64 * KIBIBYTE + 7 }, (_, i) => i % 251))
    socket.arrive(data)
    script.deliverAll([socket], Readiness.READABLE)
    expect(received.values.map(({ length }) => length)).toEqual(Array(32).fill(64 * KIBIBYTE))
    script.deliverAll([socket], Readiness.READABLE)
    expect(received.values.slice(32).map(({ length }) => length)).toEqual([64 * KIBIBYTE, 7])
    expect(Buffer.concat(received.values).equals(data)).toBe(true)
  })

  it('stops at once where the reader has enough', async () => {
    const { script, connection, socket } = await connected()
    const chunks = connection.chunks()
    const first = chunks.next()
    await microtasks()
    socket.arrive(Buffer.alloc(128 * KIBIBYTE))
    script.deliverAll([socket], Readiness.READABLE)
    expect([(await first).value?.length, socket.registration]).toEqual([64 * KIBIBYTE, undefined])
    const second = chunks.next()
    await microtasks()
    script.deliverAll([socket], Readiness.READABLE)
    expect((await second).value?.length).toBe(64 * KIBIBYTE)
    await chunks.return()
  })
})

describe('peerEnded', () => {
  it('is told once the end has been read, and stays told', async () => {
    const { script, connection, socket } = await connected()
    const received = record(connection.received)
    socket.arrive('bye')
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    expect([connection.peerEnded, received.outcome]).toEqual([false, 'open'])
    script.deliverAll([socket], Readiness.READABLE)
    expect([connection.peerEnded, received.outcome]).toEqual([true, 'complete'])
    await connection.close()
    expect(connection.peerEnded).toBe(true)
  })

  it('is not told of an end that is unread, nor of this side’s, nor of an error', async () => {
    const unread = await connected()
    unread.socket.arrive('end')
    await unread.connection.close()
    expect(unread.connection.peerEnded).toBe(false)

    const broken = await connected()
    const received = record(broken.connection.received)
    broken.script.once('send', -errno.ECONNRESET)
    const sending = watch(broken.connection.send('x'))
    broken.socket.arrive('end')
    broken.script.deliverAll([broken.socket], Readiness.READABLE)
    await microtasks()
    expect([broken.connection.peerEnded, received.outcome, sending.state]).toEqual([
      false,
      'ECONNRESET',
      'ECONNRESET',
    ])
  })
})
