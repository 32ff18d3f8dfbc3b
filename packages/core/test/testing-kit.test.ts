/** The test kit itself: a script that notices breaches of the contract, a clock, a network in memory. */
import {
  ConnectStatus,
  createReactor,
  errno,
  type Handle,
  Interest,
  type Token,
} from '@pollout/core'
import { echoPeer, manualClock, scriptedBackend, simulatedNetwork } from '@pollout/testing'
import { describe, expect, it } from 'vitest'
import { record } from './harness.js'

const sink = { ready() {}, broken() {} }

describe('a script', () => {
  it('throws at, and notes, every breach of the contract', async () => {
    const script = scriptedBackend()
    const backend = script.factory(sink)
    const handle = backend.open({ family: 'inet', type: 'stream' }) as Handle
    backend.close(handle, 'reset')
    const token = 1 as Token
    expect(() => backend.close(handle, 'reset')).toThrow('close() on a closed handle')
    expect(() => backend.register(handle, token, Interest.READABLE)).toThrow('register()')
    expect(() => backend.finishConnect(handle)).toThrow('finishConnect()')
    backend.deregister(handle)
    await backend.destroy()
    expect(() => backend.open({ family: 'inet', type: 'stream' })).toThrow('after destroy()')
    expect(script.violations).toHaveLength(4)
    expect(() => script.factory(sink)).toThrow('one backend')
  })

  it('delivers staged events as one batch, whose arrays are void afterwards', () => {
    const batches: [Float64Array, number[]][] = []
    const script = scriptedBackend()
    const backend = script.factory({
      ready: (tokens, _readiness, count) => batches.push([tokens, [...tokens.subarray(0, count)]]),
      broken() {},
    })
    const open = () => backend.open({ family: 'inet', type: 'stream' }) as Handle
    const handles = [open(), open()]
    for (const [i, handle] of handles.entries()) {
      backend.register(handle, (i + 1) as Token, Interest.WRITABLE)
    }
    script.deliverAll([...script.sockets].reverse())
    script.deliver()
    expect(batches.map(([, tokens]) => tokens)).toEqual([[2, 1]])
    expect(batches[0]?.[0][0]).toBeNaN()
    expect(() => script.ready(script.sockets[0])).toThrow('nothing armed')
  })
})

describe("a script's answers", () => {
  it('what the capabilities leave out is not there', () => {
    const capabilities = { bind: false, options: [], kernelSockets: false }
    const backend = scriptedBackend({ capabilities }).factory(sink)
    expect([backend.bind, backend.setOption, backend.kernel]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    const some = scriptedBackend({ capabilities: { options: ['noDelay'] } }).factory(sink)
    const handle = some.open({ family: 'inet', type: 'stream' }) as Handle
    expect(some.setOption?.(handle, 'noDelay', true)).toBe(0)
    expect(some.setOption?.(handle, 'keepAlive', true)).toBe(-errno.ENOPROTOOPT)
  })

  it('the times of a connect are those of its clock, or as the script says', () => {
    const clock = manualClock()
    const script = scriptedBackend({ clock })
    const backend = script.factory(sink)
    const handle = backend.open({ family: 'inet', type: 'stream' }) as Handle
    const times = new Float64Array(2)
    clock.advance(5)
    backend.connect(handle, { family: 'inet', address: '192.0.2.1', port: 1 })
    backend.register(handle, 1 as Token, Interest.WRITABLE)
    clock.advance(20)
    script.ready(script.sockets[0])
    clock.advance(100)
    script.once('finishConnect', ConnectStatus.PENDING)
    backend.finishConnect(handle, times)
    expect([...times]).toEqual([0, 0])
    backend.finishConnect(handle, times)
    expect([...times]).toEqual([5, 25])
    script.times = () => [1, 2]
    backend.finishConnect(handle, times)
    expect([...times]).toEqual([1, 2])
  })

  it('a message is read whole, and what has no room is cut off', () => {
    const script = scriptedBackend()
    const backend = script.factory(sink)
    const handle = backend.open({ family: 'unix', type: 'dgram' }) as Handle
    script.sockets[0]?.arrive('hello')
    script.sockets[0]?.arrive('you')
    const into = Buffer.alloc(4)
    expect([backend.receive(handle, into), String(into)]).toEqual([4, 'hell'])
    expect(backend.receive(handle, into)).toBe(3)
    expect(backend.receive(handle, into)).toBe(-errno.EAGAIN)
  })
})

describe('the clock by hand', () => {
  it('fires timers at their times, late ones in order, and cancelled ones not', () => {
    const clock = manualClock()
    const fired: string[] = []
    const set = (ms: number) => clock.setTimer(ms, () => fired.push(`${ms} at ${clock.now()}`))
    set(20)
    set(10)
    set(15).cancel()
    clock.advance(10)
    clock.stall(100)
    clock.turn()
    expect(fired).toEqual(['10 at 10', '20 at 110'])
    expect(clock.pendingTimers).toBe(0)
  })
})

describe('a simulated network', () => {
  it('runs on virtual time', () => {
    const clock = manualClock()
    const address = { family: 'inet', address: '192.0.2.7', port: 7 } as const
    const network = simulatedNetwork({ clock }).listen(address, { ...echoPeer(), latencyMs: 5_000 })
    const reactor = createReactor({ backend: network.backend(), clock })
    const connecting = record(reactor.connect('tcp://192.0.2.7:7'))
    const refused = record(reactor.connect('tcp://192.0.2.8:7'))
    clock.advance(4_999)
    expect([connecting.outcome, refused.outcome]).toEqual(['open', 'ECONNREFUSED'])
    clock.advance(1)
    expect(connecting.outcome).toBe('complete')
    const received = record(
      connecting.values[0]?.received ?? refused.values[0]?.received ?? never(),
    )
    void connecting.values[0]?.send('hello')
    clock.settle()
    expect(received.values.map(String)).toEqual(['hello'])
    connecting.values[0]?.reset()
    expect(reactor.stats().open).toBe(0)
    expect(errno.ECONNREFUSED).toBeGreaterThan(0)
  })

  it('has local addresses: bound, or chosen by connecting, each for one socket', () => {
    const address = { family: 'inet', address: '192.0.2.7', port: 7 } as const
    const network = simulatedNetwork({ clock: manualClock() }).listen(address, echoPeer())
    const reactor = createReactor({ backend: network.backend() })
    const at = { family: 'inet', address: '192.0.2.50', port: 5_000 } as const
    const [one, other, third] = [0, 1, 2].map(() => reactor.socket('inet'))
    expect([one?.bind(at), other?.bind(at), one?.bind(at)]).toEqual(['OK', 'EADDRINUSE', 'EINVAL'])
    one?.connect(address)
    expect(one?.localAddress).toEqual(at)
    one?.close('reset')
    expect(other?.bind(at)).toBe('OK')
    third?.setOption('bindAddressNoPort', true)
    expect(third?.bind({ ...at, port: 0 })).toBe('OK')
    expect(third?.localAddress).toMatchObject({ port: 0 })
    third?.connect(address)
    expect(third?.localAddress).toMatchObject({ address: at.address, port: 40_000 })
    for (const socket of [other, third]) socket?.close('reset')
  })

  it('carries datagrams on virtual time, and ICMP', async () => {
    const clock = manualClock()
    const address = { family: 'inet', address: '192.0.2.7', port: 7 } as const
    const network = simulatedNetwork({ clock }).listen(address, echoPeer())
    const reactor = createReactor({ backend: network.backend(), clock })
    const connecting = [7, 8].map((port) => record(reactor.connect(`udp://192.0.2.7:${port}`)))
    clock.settle()
    const connections = connecting.map(({ values }) => values[0] ?? never())
    const received = connections.map((connection) => record(connection.received))
    for (const connection of connections)
      for (const text of ['a', '', 'bc']) await connection.send(text)
    clock.settle()
    expect(received[0]?.values.map(String)).toEqual(['a', '', 'bc'])
    expect(received.map(({ outcome }) => outcome)).toEqual(['open', 'ECONNREFUSED'])
    for (const connection of connections) connection.reset()
    expect(reactor.stats().open).toBe(0)
  })
})

function never(): never {
  throw new Error('not connected')
}
