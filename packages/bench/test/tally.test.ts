/** The loop that all ways to connect one by one run in. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { countFailure, keepInFlight } from '../src/tally.js'

it('keeps so many in flight until all have ended, and counts how', async () => {
  let inFlight = 0
  let most = 0
  const begun: number[] = []
  const tally = await keepInFlight(100, 7, (tally, next) => (index) => {
    begun.push(index)
    most = Math.max(most, ++inFlight)
    void turn().then(() => {
      inFlight--
      if (index % 10 === 0) countFailure(tally, index === 50 ? 'EMFILE' : 'ECONNREFUSED')
      else tally.connected++
      next()
    })
  })
  expect(tally).toEqual({ connected: 90, refused: 9, other: 1, firstError: 'EMFILE' })
  expect(begun).toEqual(Array.from({ length: 100 }, (_, i) => i))
  expect([most, inFlight]).toEqual([7, 0])
})

it('begins no more than there are', async () => {
  const tally = await keepInFlight(3, 256, (tally, next) => () => {
    tally.connected++
    setImmediate(next)
  })
  expect(tally.connected).toBe(3)
})
