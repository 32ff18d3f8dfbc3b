/** The test kit itself: a script that notices breaches of the contract, a clock, a network in memory. */
import { createReactor, errno, type Handle, Interest, type Token } from '@pollout/core'
import { echoPeer, manualClock, scriptedBackend, simulatedNetwork } from '@pollout/core/testing'
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
})

function never(): never {
  throw new Error('not connected')
}
