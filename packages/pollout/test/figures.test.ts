/** Rates as they were asked for. */
import { expect, it } from 'vitest'
import { perSecond } from '../src/outcomes/figures.js'

it.each([
  [0.5, '0.5'],
  [0.001, '0.001'],
  [1, '1'],
  [2.5, '2.5'],
  [1_000, '1,000'],
  [1_000_000, '1,000,000'],
])('%d a second is %s', (rate, text) => {
  expect(perSecond(rate)).toBe(text)
})
