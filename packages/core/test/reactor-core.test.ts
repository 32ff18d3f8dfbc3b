/** The reactor without observables: what a listener that throws does to the others. */
import { type Handle, Interest } from '@pollout/core'
import { manualClock, scriptedBackend } from '@pollout/testing'
import { expect, it, vi } from 'vitest'
import { ReactorCore } from '../src/reactor/reactor-core.js'

it('a listener, a deferred call and an owner that throw are reported, and harm nobody else', async () => {
  const uncaught: (() => void)[] = []
  const nextTick = vi.spyOn(process, 'nextTick').mockImplementation((callback) => {
    uncaught.push(callback as () => void)
  })
  try {
    const script = scriptedBackend()
    const clock = manualClock()
    const core = new ReactorCore(script.factory, clock)
    const told: string[] = []
    const tell = (what: string, throwing: boolean) => (): void => {
      told.push(what)
      if (throwing) throw new Error(what)
    }
    for (const [i, what] of ['listener 1', 'listener 2'].entries()) {
      const handle = core.backend.open({ family: 'inet', type: 'stream' }) as Handle
      core.register(handle, Interest.READABLE, { ready: tell(what, i === 0) })
      core.later(tell(`later ${i + 1}`, i === 0))
      core.own({ reactorGone: tell(`owner ${i + 1}`, i === 0) })
    }
    script.deliverAll(script.sockets)
    clock.runDeferred()
    await core.destroy()
    expect(told).toEqual(['listener', 'later', 'owner'].flatMap((who) => [`${who} 1`, `${who} 2`]))
    expect(uncaught).toHaveLength(3)
    expect(uncaught[0]).toThrow('listener 1')
    expect(script.open).toEqual([])
  } finally {
    nextTick.mockRestore()
  }
})
