/** A concurrency that finds itself: what loss says, and what is made of it. */
import { errno } from '@pollout/core'
import { seededRandom } from '@pollout/testing'
import { describe, expect, it } from 'vitest'
import { ConcurrencyLimit } from '../src/fan-out/concurrency-limit.js'
import { LossWatch, ROUND } from '../src/fan-out/loss-watch.js'
import { LANES, record, stage } from './harness.js'

describe('LossWatch', () => {
  function watch(): { said: string[]; round(share: number): void; loss: LossWatch } {
    const said: string[] = []
    const loss = new LossWatch({
      lossRose: () => said.push('rose'),
      lossIsUsual: () => said.push('usual'),
    })
    const round = (share: number): void => {
      const rounds = Array.from({ length: ROUND }, () => loss.started())
      for (const [i, number] of rounds.entries()) loss.ended(number, i < share * ROUND)
    }
    return { said, round, loss }
  }

  it('takes what it sees first for usual, however much it is', () => {
    const { said, round } = watch()
    for (let i = 0; i < 10; i++) round(0.3)
    expect(said).toEqual(Array(10).fill('usual'))
  })

  it('tells a rise from chance, once for what had begun before it was told', () => {
    const { said, round } = watch()
    for (let i = 0; i < 10; i++) round(0.3)
    round(0.35)
    round(0.5)
    expect(said.slice(10)).toEqual(['usual', 'rose'])
    round(0.5)
    round(0.5)
    expect(said.slice(12)).toEqual(['rose', 'rose'])
  })

  it('takes loss that stays for usual after some time', () => {
    const { said, round } = watch()
    round(0)
    for (let i = 0; i < 400; i++) round(0.2)
    expect(said.slice(1, 4)).toContain('rose')
    expect(said.slice(-50)).toEqual(Array(50).fill('usual'))
  })

  it('judges by starts: losses that are told late are not a rise', () => {
    const { said, loss } = watch()
    const late: number[] = []
    for (let i = 0; i < 40 * ROUND; i++) {
      const round = loss.started()
      if (i % 10 === 0) late.push(round)
      else loss.ended(round, false)
    }
    expect(said).toEqual([])
    for (const round of late) loss.ended(round, true)
    expect(said).toEqual(Array(40).fill('usual'))
  })

  it('says nothing about what began before it was told last', () => {
    const { said, loss, round } = watch()
    for (let i = 0; i < 5; i++) round(0)
    const inFlight = Array.from({ length: 4 * ROUND }, () => loss.started())
    for (const number of inFlight) loss.ended(number, true)
    expect(said.slice(5)).toEqual(['rose'])
  })
})

describe('ConcurrencyLimit', () => {
  it('begins low and grows fast, until loss rises; from then on slowly', () => {
    const limit = new ConcurrencyLimit(10_000, true)
    expect(limit.current).toBe(128)
    for (let i = 0; i < 5; i++) limit.lossIsUsual()
    expect(limit.current).toBe(972)
    limit.lossRose()
    expect(limit.current).toBe(648)
    limit.lossIsUsual()
    expect(limit.current).toBe(748)
    for (let i = 0; i < 1_000; i++) limit.lossIsUsual()
    expect(limit.current).toBe(10_000)
  })

  it('is at most what the user says, and at least 1', () => {
    const limit = new ConcurrencyLimit(20, true)
    expect(limit.current).toBe(20)
    for (let i = 0; i < 50; i++) limit.lossRose()
    expect(limit.current).toBe(1)
  })
})

describe.each(LANES)('%s', (_lane, bulk) => {
  /** A way that takes 600 at once, and loses most of what is more. */
  it('settles about what the network takes', () => {
    const random = seededRandom(7)
    const set = stage({ bulk })
    const { script, clock, reactor } = set
    let count = 0
    function* source() {
      for (; count < 200_000; count++) yield { scheme: 'tcp', host: '192.0.2.1', port: 80 } as const
    }
    const lost = new Set<unknown>()
    let under = 0
    const widths: number[] = []
    script.answers.connect = () => {
      under++
      return -errno.EINPROGRESS
    }
    const running = record(
      reactor.connectMany(source(), {
        concurrency: 5_000,
        adaptive: true,
        timeoutMs: 100,
        onConnected: 'reset',
      }),
    )
    script.onClose = () => {
      under--
    }
    for (let ms = 0; ms < 1_500 && running.outcome === 'open'; ms += 10) {
      const answered = script.open.filter((socket) => {
        if (lost.has(socket) || !socket.registration) return false
        const isLost = under > 600 && random() < 1 - 600 / under
        if (isLost) lost.add(socket)
        return !isLost
      })
      widths.push(under)
      script.deliverAll(answered)
      clock.advance(10)
    }
    running.subscription.unsubscribe()
    expect(Math.max(...widths)).toBeGreaterThan(600)
    const late = widths.slice(-50)
    const mean = late.reduce((sum, width) => sum + width, 0) / late.length
    expect(mean).toBeGreaterThan(200)
    expect(mean).toBeLessThan(2_000)
  })
})
