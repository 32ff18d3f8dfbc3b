/** Options and descriptors of connections on a scripted backend: what is asked of it, in which order, and what is told. */
import { channel } from 'node:diagnostics_channel'
import { type ConnectError, errno, Interest, Readiness } from '@pollout/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connected, microtasks, record, stage, watch } from './harness.js'

const SOL_TCP = 6
const TCP_NODELAY = 1
const TCP_INFO = 11

describe('detach()', () => {
  it('takes the registration away before the descriptor, and tells the reader the end', async () => {
    const { script, clock, reactor, connection, socket } = await connected()
    const received = record(connection.received)
    let armedAtDetach: unknown = 'not asked'
    socket.answers.detach = (socket) => {
      armedAtDetach = socket.registration
      return 42
    }
    expect(socket.registration?.interest).toBe(Interest.READABLE)
    expect(connection.detach()).toBe(42)
    expect([armedAtDetach, received.outcome, socket.closed]).toEqual([
      undefined,
      'open',
      'detached',
    ])
    clock.settle()
    expect(received.outcome).toBe('complete')
    expect(reactor.stats()).toMatchObject({ open: 0, registrations: 0 })
    expect([connection.closed, connection.localAddress, script.violations]).toEqual([
      ...[true, undefined, []],
    ])
  })

  it('is told on the diagnostics channel as what it is', async () => {
    const modes: unknown[] = []
    const listener = (message: unknown): void => void modes.push((message as { mode: string }).mode)
    channel('pollout:connection:close').subscribe(listener)
    onTestFinished(() => void channel('pollout:connection:close').unsubscribe(listener))
    const { connection } = await connected()
    connection.detach()
    expect(modes).toEqual(['detached'])
  })

  it('is refused while something waits: data, the end, an empty datagram; and when closing', async () => {
    const { script, connection, socket } = await connected()
    script.once('shutdown', -errno.EAGAIN)
    const ending = watch(connection.end())
    expect(() => connection.detach()).toThrow(expect.objectContaining({ code: 'ERR_UNSENT_DATA' }))
    script.deliverAll([socket])
    await microtasks()
    expect(ending.state).toBe('done')
    void connection.close()
    expect(() => connection.detach()).toThrow(
      expect.objectContaining({ code: 'ERR_CONNECTION_CLOSED', phase: 'aborted' }),
    )
  })

  it('where the system says no, the connection stays and can be read again', async () => {
    const { script, connection, socket } = await connected()
    const received = record(connection.received)
    script.once('detach', -errno.EMFILE)
    expect(() => connection.detach()).toThrow(
      expect.objectContaining({ code: 'EMFILE', syscall: 'detach', phase: 'local' }),
    )
    socket.arrive('still here')
    script.deliverAll([socket], Readiness.READABLE)
    expect([connection.closed, ...received.values.map(String)]).toEqual([false, 'still here'])
  })

  it('a backend without kernel sockets: ERR_UNSUPPORTED, which names what is missing', () => {
    const { reactor, script } = stage({ capabilities: { kernelSockets: false, options: [] } })
    const connecting = record(reactor.connect('tcp://192.0.2.1:80'))
    script.deliverAll(script.sockets)
    const [connection] = connecting.values
    for (const [call, what] of [
      [() => connection?.detach(), 'descriptors'],
      [() => connection?.toNetSocket(), 'descriptors'],
      [() => connection?.tcpInfo(), 'TCP_INFO'],
      [() => connection?.getOption('noDelay'), 'options'],
      [() => connection?.setOption('noDelay', true), 'noDelay'],
    ] as const) {
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }))
      expect(call).toThrow(what)
    }
    connection?.reset()
  })
})

describe('options and tcpInfo()', () => {
  it('are set by name and read from the kernel by number', async () => {
    const { connection, socket } = await connected()
    connection.setOption('noDelay', true)
    expect(socket.options.get('noDelay')).toBe(true)
    expect(socket.rawOptions.has(`${SOL_TCP}:${TCP_NODELAY}`)).toBe(true)
    expect(connection.getOption('noDelay')).toBe(true)
    socket.answers.getRawOption = () => -errno.EACCES
    expect(() => connection.getOption('noDelay')).toThrow(
      expect.objectContaining({ code: 'EACCES', syscall: 'getsockopt', phase: 'local' }),
    )
  })

  it('a refusal says which connection it is about', async () => {
    const { connection, socket } = await connected()
    socket.answers.setOption = -errno.EPERM
    let error: ConnectError | undefined
    try {
      connection.setOption('mark', 7)
    } catch (thrown) {
      error = thrown as ConnectError
    }
    expect(error?.message).toMatch(/^setsockopt EPERM 192\.0\.2\.1:80: /)
    expect(error?.localFault).toBe(true)
  })

  it('tcpInfo() reads TCP_INFO, and refuses what is too short to be one', async () => {
    const { connection, socket } = await connected()
    const asked: number[][] = []
    socket.answers.getRawOption = (_socket, level, option, into) => {
      asked.push([level, option])
      into[0] = 1
      return 232
    }
    expect(connection.tcpInfo()).toMatchObject({ state: 'ESTABLISHED', rttMs: 0 })
    expect(asked).toEqual([[SOL_TCP, TCP_INFO]])
  })
})
