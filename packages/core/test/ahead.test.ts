/** How far a fan-out is ahead of its lane. */
import { expect, it } from 'vitest'
import { Ahead } from '../src/fan-out/ahead.js'

it('as many again as the limit, from 64 to 4,096', () => {
  const ahead = new Ahead()
  expect([1, 64, 256, 4_096, 50_000].map((limit) => ahead.of(limit))).toEqual([
    64, 64, 256, 4_096, 4_096,
  ])
})

it('twice as many each time the lane runs dry, and no more than 4,096', () => {
  const ahead = new Ahead()
  const grown = Array.from({ length: 8 }, () => {
    ahead.ranDry(1)
    return ahead.of(1)
  })
  expect(grown).toEqual([128, 256, 512, 1_024, 2_048, 4_096, 4_096, 4_096])
})

it('from the limit on, where that is more', () => {
  const ahead = new Ahead()
  ahead.ranDry(300)
  expect(ahead.of(1)).toBe(600)
})
