/**
 * The Duplex face on a scripted backend: the events of a `net.Socket`, in its order, and what is asked of the backend for them.
 *
 * One file: its rows go through the life of one socket.
 */
import { Duplex, finished } from 'node:stream'
import { promisify } from 'node:util'
import {
  type ConnectOptions,
  type DuplexOptions,
  destinationPolicy,
  errno,
  Interest,
  Readiness,
} from '@pollout/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ConnectionDuplex } from '../src/connection/duplex.js'
import { connected, record, stage } from './harness.js'

const EVENTS = ['connect', 'ready', 'data', 'end', 'finish', 'drain', 'timeout', 'error', 'close']

/** What it emits, from now on, each with the first argument where that says something. */
function events(duplex: Duplex): string[] {
  const log: string[] = []
  for (const event of EVENTS) {
    if (event === 'data') continue
    duplex.on(event, (argument?: unknown) => {
      const code = (argument as { code?: string } | undefined)?.code
      log.push(event === 'close' || code ? `${event} ${code ?? argument}` : event)
    })
  }
  return log
}

/** Ticks, promises and immediates that wait are over, and so are the two that these may lead to: this side's end, 'close'. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function overConnection(options?: DuplexOptions) {
  const set = await connected()
  const duplex = set.connection.toDuplex(options)
  onTestFinished(() => void duplex.destroy())
  const log = events(duplex)
  await turn()
  return { ...set, duplex, log }
}

async function lazily(options?: ConnectOptions & DuplexOptions, endpoint = 'tcp://192.0.2.1:80') {
  const set = stage()
  const duplex = set.reactor.duplex(endpoint, options)
  onTestFinished(() => void duplex.destroy())
  const log = events(duplex)
  const [socket] = set.script.sockets
  if (!socket) throw new Error('nothing was opened')
  const connect = async (): Promise<void> => {
    set.script.deliverAll([socket])
    await turn()
  }
  return { ...set, duplex, log, socket, connect }
}

describe('a Duplex that is not connected yet', () => {
  it('says so, keeps what is written, and tells the connect once', async () => {
    const { duplex, log, socket, connect } = await lazily()
    const state = (d: ConnectionDuplex) => [d.connecting, d.pending, d.readyState, d.remoteAddress]
    expect(state(duplex)).toEqual([true, true, 'opening', undefined])
    duplex.write('one,')
    duplex.write('two')
    await turn()
    expect([socket.sentText, duplex.bytesWritten, log]).toEqual(['', 7, []])
    await connect()
    expect(state(duplex)).toEqual([false, false, 'open', '192.0.2.1'])
    expect([socket.sentText, duplex.bytesWritten, log]).toEqual([
      'one,two',
      7,
      ['connect', 'ready'],
    ])
    expect(socket.registration?.interest).toBe(Interest.READABLE)
  })

  it('ended before: all is sent and the end after it', async () => {
    const { duplex, log, socket, connect } = await lazily({ allowHalfOpen: true })
    duplex.end('all')
    await turn()
    expect(log).toEqual([])
    await connect()
    expect([socket.sentText, log, duplex.readyState]).toEqual([
      'all',
      ['connect', 'ready', 'finish'],
      'readOnly',
    ])
  })

  it.each([undefined, new Error('given up')])(
    'destroyed with %s: the connect is cancelled',
    async (why) => {
      const { reactor, duplex, log, socket } = await lazily()
      const written = new Promise((resolve) => duplex.write('x', resolve))
      duplex.destroy(why)
      expect(socket.closed).toBeDefined()
      expect(reactor.stats()).toMatchObject({ inFlight: 0, cancelled: 1 })
      await expect(written).resolves.toBeInstanceOf(Error)
      await turn()
      expect(log).toEqual(why ? ['error', 'close true'] : ['close false'])
      expect([duplex.connecting, duplex.readyState]).toEqual([false, 'closed'])
    },
  )

  it('destroyed in the batch that connects it: reset, and no event but the close', async () => {
    const { reactor, script, clock } = stage()
    const first = reactor.duplex('tcp://192.0.2.1:80')
    const second = reactor.duplex('tcp://192.0.2.2:80')
    const log = events(second)
    first.on('connect', () => second.destroy())
    script.deliverAll(script.sockets)
    await turn()
    clock.settle()
    expect(log).toEqual(['close false'])
    expect(script.sockets[1]?.closed).toBeDefined()
    first.destroy()
  })

  it("closes behind the immediates that 'error' has led to, as a net.Socket does", async () => {
    const { script, duplex } = await lazily()
    const log: string[] = []
    duplex.on('error', () => setImmediate(() => log.push('immediate')))
    const closed = new Promise((resolve) => duplex.once('close', resolve))
    duplex.once('close', () => log.push('close'))
    script.once('finishConnect', -errno.ECONNREFUSED)
    script.deliverAll(script.sockets)
    await closed
    expect(log).toEqual(['immediate', 'close'])
  })

  it('refused: the error in its shape, then the close', async () => {
    const { script, duplex, log, connect } = await lazily()
    script.once('finishConnect', -errno.ECONNREFUSED)
    const error = new Promise((resolve) => duplex.once('error', resolve))
    await connect()
    expect(log).toEqual(['error ECONNREFUSED', 'close true'])
    expect(await error).toMatchObject({
      code: 'ECONNREFUSED',
      errno: -errno.ECONNREFUSED,
      syscall: 'connect',
      address: '192.0.2.1',
      port: 80,
    })
  })

  it('takes the options of a connect: its deadline, its signal', async () => {
    const late = await lazily({ timeoutMs: 50 })
    late.clock.advance(60)
    await turn()
    expect(late.log).toEqual(['error ETIMEDOUT', 'close true'])
    const controller = new AbortController()
    const aborted = await lazily({ signal: controller.signal })
    controller.abort()
    await turn()
    expect(aborted.log).toEqual(['error ABORT_ERR', 'close true'])
    expect(() => late.reactor.duplex('tcp://192.0.2.1:80', { nonsense: 1 } as object)).toThrow(
      TypeError,
    )
  })

  it('what is set on it meanwhile is done once it is connected', async () => {
    const { script, duplex, socket, connect } = await lazily()
    const set: unknown[] = []
    socket.answers.setOption = (_socket, name, value) => {
      set.push([name, value])
      return 0
    }
    duplex.setNoDelay().setKeepAlive(true, 7_900).unref()
    expect(set).toEqual([])
    await connect()
    expect(set).toEqual([
      ['noDelay', true],
      ['keepAlive', true],
      ['keepAliveIdleSeconds', 7],
    ])
    expect(script.referenced).toBe(false)
  })

  it('connect() on it waits for the one connect', async () => {
    const { duplex, log, connect } = await lazily()
    let told = 0
    expect(duplex.connect(80, 'elsewhere.test', () => told++)).toBe(duplex)
    await turn()
    expect(told).toBe(0)
    await connect()
    expect([told, log]).toEqual([1, ['connect', 'ready']])
  })
})

describe('a Duplex over a connection', () => {
  it('tells who it is connected to', async () => {
    const { duplex, log } = await overConnection()
    expect([duplex.remoteAddress, duplex.remotePort, duplex.remoteFamily]).toEqual([
      ...['192.0.2.1', 80, 'IPv4'],
    ])
    expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([false, false, 'open'])
    // The script gives its sockets no address of their own.
    expect(duplex.address()).toEqual({})
    expect(log).toEqual([])
    expect(duplex).toBeInstanceOf(Duplex)
  })

  it('connect() connects nothing, and tells so in a later tick, each time', async () => {
    const { script, duplex, log } = await overConnection()
    let told = 0
    duplex.connect({ host: 'elsewhere.test', port: 1 }, () => told++)
    expect([told, duplex.connecting, duplex.readyState]).toEqual([0, true, 'opening'])
    await turn()
    expect([told, duplex.connecting, log]).toEqual([1, false, ['connect', 'ready']])
    expect(script.sockets).toHaveLength(1)
    duplex.destroy()
    expect(() => duplex.connect(80)).toThrow(
      expect.objectContaining({ code: 'ERR_CONNECTION_CLOSED' }),
    )
  })

  it('what is written corked goes out as one call, up to 64 KiB', async () => {
    const { duplex, socket } = await overConnection()
    const calls: number[] = []
    socket.answers.send = (_socket, data, offset) => {
      calls.push(data.length - offset)
      return data.length - offset
    }
    duplex.cork()
    for (let i = 0; i < 5; i++) duplex.write('abc')
    duplex.uncork()
    await turn()
    expect(calls.splice(0)).toEqual([15])
    duplex.cork()
    for (const size of [10, 60_000, 10_000, 70_000, 10]) duplex.write(Buffer.alloc(size))
    duplex.uncork()
    await turn()
    expect(calls).toEqual([60_010, 10_000, 70_000, 10])
    expect(duplex.bytesWritten).toBe(140_035)
  })

  it('a peer that takes nothing: write() answers false, and drain comes when it has', async () => {
    const { script, duplex, socket, log } = await overConnection({ writableHighWaterMark: 4 })
    script.once('send', 2)
    expect(duplex.write('abcdef')).toBe(false)
    duplex.write('gh')
    await turn()
    expect([socket.sentText, log, duplex.bytesWritten]).toEqual(['ab', [], 8])
    expect(socket.registration?.interest).toBe(Interest.READABLE | Interest.WRITABLE)
    script.deliverAll([socket])
    await turn()
    expect([socket.sentText, log, duplex.writableLength]).toEqual(['abcdefgh', ['drain'], 0])
  })

  it('a consumer that takes nothing: the data stays with the kernel', async () => {
    const { script, duplex, socket } = await overConnection({ readableHighWaterMark: 4 })
    socket.arrive('abc')
    script.deliverAll([socket], Readiness.READABLE)
    expect(socket.registration?.interest).toBe(Interest.READABLE)
    socket.arrive('def')
    script.deliverAll([socket], Readiness.READABLE)
    expect([duplex.readableLength, duplex.bytesRead, socket.registration]).toEqual([
      6,
      6,
      undefined,
    ])
    // With its length: without, Node 26 hands out a chunk at a time.
    expect(String(duplex.read(6))).toBe('abcdef')
    await turn()
    expect(socket.registration?.interest).toBe(Interest.READABLE)
  })

  it('the peer ends: so does this side, and the descriptor is given back', async () => {
    const { script, duplex, socket, log } = await overConnection()
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    duplex.resume()
    await turn()
    expect(log).toEqual(['end', 'finish', 'close false'])
    expect([socket.closed, duplex.readyState]).toEqual(['graceful', 'closed'])
  })

  it('finds the end although nobody reads, as a net.Socket does', async () => {
    const { script, socket, log } = await overConnection()
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    await turn()
    expect(log).toEqual(['end', 'finish', 'close false'])
  })

  it('allowHalfOpen: the peer ends, this side goes on', async () => {
    const { script, duplex, socket, log } = await overConnection({ allowHalfOpen: true })
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    await turn()
    duplex.write('on')
    await turn()
    expect([log, socket.sentText, duplex.readyState]).toEqual([['end'], 'on', 'writeOnly'])
    duplex.end()
    await turn()
    expect([log, socket.closed]).toEqual([['end', 'finish', 'close false'], 'graceful'])
  })

  it('this side ends first: shutdown, and the peer may go on', async () => {
    const { script, duplex, socket, log } = await overConnection()
    duplex.end('bye')
    await turn()
    expect([socket.sentText, log, socket.closed]).toEqual(['bye', ['finish'], undefined])
    socket.arrive('still')
    script.deliverAll([socket], Readiness.READABLE)
    expect(String(duplex.read())).toBe('still')
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    duplex.resume()
    await turn()
    expect(log).toEqual(['finish', 'end', 'close false'])
  })

  it('a shutdown of what the peer has reset is no error of its own', async () => {
    const { script, duplex, log } = await overConnection({ allowHalfOpen: true })
    script.once('shutdown', -errno.ENOTCONN)
    duplex.end()
    await turn()
    expect(log).toEqual(['finish'])
  })

  it('an error while reading, while writing: told once, then the close', async () => {
    const reading = await overConnection()
    reading.script.once('receive', -errno.ECONNRESET)
    const error = new Promise((resolve) => reading.duplex.once('error', resolve))
    reading.script.deliverAll([reading.socket], Readiness.ERROR)
    expect(await error).toMatchObject({ code: 'ECONNRESET', errno: -104, syscall: 'recv' })
    await turn()
    expect(reading.log).toEqual(['error ECONNRESET', 'close true'])

    const writing = await overConnection()
    writing.script.once('send', -errno.EPIPE)
    const written = new Promise((resolve) => writing.duplex.write('x', resolve))
    expect(await written).toMatchObject({ code: 'EPIPE', syscall: 'send' })
    await turn()
    expect(writing.log).toEqual(['error EPIPE', 'close true'])
    expect(writing.socket.closed).toBeDefined()
  })

  it('destroy() closes; with data left, or resetAndDestroy(), it resets', async () => {
    const clean = await overConnection()
    clean.duplex.destroy()
    expect(clean.socket.closed).toBe('graceful')
    const unsent = await overConnection()
    unsent.script.once('send', -errno.EAGAIN)
    unsent.duplex.write('x')
    unsent.duplex.destroy()
    expect(unsent.socket.closed).toBe('reset')
    const reset = await overConnection()
    expect(reset.duplex.resetAndDestroy()).toBe(reset.duplex)
    expect(reset.socket.closed).toBe('reset')
    await turn()
    for (const { log } of [clean, unsent, reset]) expect(log).toEqual(['close false'])
  })

  it('destroySoon() waits for what was written, not for the peer', async () => {
    const { script, duplex, socket, log } = await overConnection()
    script.once('send', -errno.EAGAIN)
    duplex.write('last')
    duplex.destroySoon()
    await turn()
    expect(socket.closed).toBeUndefined()
    script.deliverAll([socket])
    await turn()
    expect([socket.sentText, socket.closed, log]).toEqual([
      ...['last', 'graceful', ['finish', 'close false']],
    ])
  })

  it('stream.finished() and the reactor’s end find their way', async () => {
    const { script, duplex, socket } = await overConnection()
    const over = promisify(finished)(duplex)
    duplex.end()
    socket.arrive('end')
    script.deliverAll([socket], Readiness.READABLE)
    duplex.resume()
    await over
    const other = await overConnection()
    void other.reactor.destroy()
    other.clock.settle()
    await turn()
    expect(other.log).toEqual(['error ERR_REACTOR_DESTROYED', 'close true'])
  })

  it('setTimeout(): told once, again after something happened; 0 takes it back', async () => {
    const { script, clock, duplex, socket, log } = await overConnection()
    let told = 0
    const listener = (): void => void told++
    const { pendingTimers } = clock
    duplex.setTimeout(100, listener)
    clock.advance(90)
    socket.arrive('x')
    script.deliverAll([socket], Readiness.READABLE)
    clock.advance(90)
    expect(log).toEqual([])
    duplex.write('y')
    clock.advance(99)
    expect(log).toEqual([])
    clock.advance(1)
    clock.advance(1_000)
    expect([told, log, duplex.timeout, duplex.destroyed]).toEqual([1, ['timeout'], 100, false])
    duplex.write('z')
    clock.advance(100)
    expect([told, log]).toEqual([1, ['timeout', 'timeout']])
    duplex.setTimeout(100, listener)
    duplex.setTimeout(0, listener)
    clock.advance(1_000)
    expect([told, log.length, clock.pendingTimers]).toEqual([1, 2, pendingTimers])
    expect(() => duplex.setTimeout(-1)).toThrow(RangeError)
  })

  it('setTimeout() runs anew when the name is found, and when it connects', async () => {
    const resolver = { resolve: async () => ['192.0.2.1'] }
    const { script, clock, reactor } = stage({ resolver })
    const duplex = reactor.duplex('tcp://peer.test:80')
    onTestFinished(() => void duplex.destroy())
    const log = events(duplex)
    duplex.setTimeout(100)
    clock.advance(90)
    await turn()
    expect(script.sockets).toHaveLength(1)
    clock.advance(90)
    script.deliverAll(script.sockets)
    expect(log).toEqual(['connect', 'ready'])
    clock.advance(99)
    expect(log).toEqual(['connect', 'ready'])
    clock.advance(1)
    expect(log).toEqual(['connect', 'ready', 'timeout'])
  })

  it('setTimeout() is not told while the peer takes what was written', async () => {
    const { script, clock, duplex, socket, log } = await overConnection()
    script.once('send', 1)
    duplex.setTimeout(100)
    duplex.write('abcd')
    for (const rest of ['bcd', 'cd', 'd']) {
      clock.advance(90)
      script.once('send', rest === 'd' ? -errno.EAGAIN : 1)
      script.deliverAll([socket], Readiness.WRITABLE)
      expect(log).toEqual([])
    }
    // Looked at once more where something went since; then nothing does.
    clock.advance(200)
    expect(log).toEqual(['timeout'])
    clock.advance(1_000)
    expect(log).toEqual(['timeout'])
  })

  it('destroyed by a listener of connectionAttempt: the connect is called off', async () => {
    const { script, reactor } = stage()
    const duplex = reactor.duplex('tcp://192.0.2.1:80')
    const log = events(duplex)
    duplex.on('connectionAttempt', () => duplex.destroy())
    await turn()
    expect([log, script.open]).toEqual([['close false'], []])
  })

  it('an attempt that takes longer than it has to itself, and one that was denied', async () => {
    const resolver = { resolve: async () => ['192.0.2.1', '192.0.2.2', '192.0.2.3'] }
    const { script, clock, reactor } = stage({ resolver })
    const policy = destinationPolicy({ deny: ['192.0.2.2'] })
    const duplex = reactor.duplex('tcp://peer.test:80', { policy })
    const log: unknown[] = []
    for (const event of ['Attempt', 'AttemptTimeout', 'AttemptFailed']) {
      duplex.on(`connection${event}`, (address) => log.push([event, address]))
    }
    await turn()
    clock.advance(250)
    clock.advance(250)
    clock.advance(250)
    expect(log).toEqual([
      ...[
        ['Attempt', '192.0.2.1'],
        ['AttemptTimeout', '192.0.2.1'],
      ],
      // The denied one was not attempted.
      ['Attempt', '192.0.2.3'],
    ])
    duplex.destroy()
    expect(script.open).toEqual([])
  })

  it('unref() lets the process end while it reads; what others wait for still keeps it', async () => {
    const { script, reactor, duplex, socket } = await overConnection()
    expect([script.armed, script.referenced]).toEqual([1, true])
    duplex.unref()
    expect(script.referenced).toBe(false)
    socket.arrive('x')
    script.deliverAll([socket], Readiness.READABLE)
    expect([script.armed, script.referenced]).toEqual([1, false])
    const other = record(reactor.connect('tcp://192.0.2.1:81'))
    expect([script.armed, script.referenced]).toEqual([2, true])
    other.subscription.unsubscribe()
    expect([script.armed, script.referenced]).toEqual([1, false])
    duplex.ref()
    expect(script.referenced).toBe(true)
    reactor.unref()
    expect(script.referenced).toBe(false)
    reactor.ref()
    duplex.unref()
    duplex.destroy()
    record(reactor.connect('tcp://192.0.2.1:81')).subscription.unsubscribe()
    const next = record(reactor.connect('tcp://192.0.2.1:81'))
    expect([script.armed, script.referenced]).toEqual([1, true])
    next.subscription.unsubscribe()
  })

  it('options that the kernel, the backend or the family does not take are no error', async () => {
    const refused = await overConnection()
    refused.script.once('setOption', -errno.EINVAL)
    expect(refused.duplex.setNoDelay(false)).toBe(refused.duplex)
    refused.duplex.destroy()
    expect(refused.duplex.setKeepAlive(true)).toBe(refused.duplex)
    const unix = await lazily({}, 'unix:/run/x')
    await unix.connect()
    unix.duplex.setNoDelay()
    expect([unix.duplex.remoteAddress, unix.duplex.address()]).toEqual([undefined, {}])
  })

  it('is refused for messages, for a second reader, and once closed', async () => {
    const { reactor, connection } = await connected()
    expect(() => reactor.duplex('udp://192.0.2.1:80')).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED' }),
    )
    const reading = record(connection.received)
    expect(() => connection.toDuplex()).toThrow(
      expect.objectContaining({ code: 'ERR_ALREADY_READING' }),
    )
    reading.subscription.unsubscribe()
    await connection.close()
    expect(() => connection.toDuplex()).toThrow(
      expect.objectContaining({ code: 'ERR_CONNECTION_CLOSED' }),
    )
  })
})
