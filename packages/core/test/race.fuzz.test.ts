/** Races at random: whatever the addresses do, what works is never given up, and each attempt is closed and told once. */
import type { Connection } from '@pollout/core'
import { seededRandom } from '@pollout/testing'
import { expect, it } from 'vitest'
import { type Conduct, SlowResolver, slowScene } from './race-scene.js'

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1)

it.each(SEEDS)('seed %i', async (seed) => {
  const random = seededRandom(seed)
  const whole = (limit: number): number => Math.floor(random() * limit)
  const conduct = (): Conduct => {
    const kind = whole(6)
    if (kind === 0) return 'ENETUNREACH'
    if (kind === 1) return ['ECONNREFUSED', whole(120)]
    return kind < 4 ? ['connects', 1 + whole(200)] : 'silent'
  }
  const addresses = (prefix: string): string[] =>
    Array.from({ length: whole(4) }, (_, i) => `${prefix}${i + 1}`)
  const [inet6, inet] = [addresses('2001:db8::'), addresses('192.0.2.')]
  const conducts = Object.fromEntries([...inet6, ...inet].map((one) => [one, conduct()]))
  const resolver = new SlowResolver([whole(120), inet6], [whole(120), inet])
  const set = slowScene(resolver, conducts)
  const attemptDelayMs = 10 + whole(90)
  const timeoutMs = 50 + whole(400)
  const leavesAt = whole(4) === 0 ? whole(300) : Number.POSITIVE_INFINITY

  const connecting = set.connect({ attemptDelayMs, timeoutMs })
  let endedAt = Number.NaN
  for (let ms = 0; ms <= 500 && Number.isNaN(endedAt) && ms < leavesAt; ms++) {
    await set.pass(ms === 0 ? 0 : 1)
    if (connecting.outcome !== 'open') endedAt = set.clock.now()
  }
  if (connecting.outcome === 'open') {
    connecting.subscription.unsubscribe()
    expect([leavesAt < 500, set.script.open]).toEqual([true, []])
    return
  }

  const starts = set.starts.map((start) => start.split(' @'))
  expect(new Set(starts.map(([address]) => address)).size).toBe(starts.length)
  expect(set.told).toHaveLength(starts.length)
  const arrivals = starts.flatMap(([address, at]) => {
    const does = conducts[address as string]
    return Array.isArray(does) && does[0] === 'connects' ? [Number(at) + Number(does[1])] : []
  })
  const first = Math.min(...arrivals)
  // Where both come at the same moment, the completion wins.
  expect(connecting.outcome === 'complete').toBe(first <= timeoutMs)
  if (connecting.outcome === 'complete') expect(endedAt).toBe(first)
  for (const connection of connecting.values as Connection[]) connection.reset()
  expect(set.script.open).toEqual([])
})
