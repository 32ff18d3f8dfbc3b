/** In which order targets come: each number once, and shared out without overlap. */
import { describe, expect, it } from 'vitest'
import { Order, WHOLE } from '../src/targets/order.js'
import { LARGEST_PERMUTATION, Permutation } from '../src/targets/permutation.js'
import { all } from './numbering.js'

const sorted = (values: unknown[]) => values.map(Number).sort((a, b) => a - b)

describe('Permutation', () => {
  it.each([...Array(70).keys(), 255, 256, 257, 1_000, 4_096, 9_999, 65_537, 100_000])(
    'of %i gives each number once',
    (size) => {
      const permutation = new Permutation(size, 'seed')
      expect(sorted(all(size, (i) => permutation.at(i)))).toEqual([...Array(size).keys()])
    },
  )

  it('is the same for a seed, and another one for another', () => {
    const of = (seed: string) => {
      const permutation = new Permutation(1_000, seed)
      return all(1_000, (i) => permutation.at(i))
    }
    const [a, b] = [of('a'), of('b')]
    expect(of('a')).toEqual(a)
    const same = a.filter((value, i) => value === b[i])
    // Of two random orders one place agrees, on average.
    expect(same.length).toBeLessThan(10)
  })

  it.each([LARGEST_PERMUTATION, 2 ** 40 + 1, 2 ** 32])(
    'of %i stays inside, without repetitions',
    (size) => {
      const permutation = new Permutation(size, 'seed')
      const values = all(20_000, (i) => permutation.at(i)) as number[]
      expect(
        values.every((value) => Number.isSafeInteger(value) && value >= 0 && value < size),
      ).toBe(true)
      expect(new Set(values).size).toBe(values.length)
      expect(permutation.at(size - 1)).toBeLessThan(size)
    },
  )

  it('has no end but its size', () => {
    const permutation = new Permutation(10, 'seed')
    expect(() => permutation.at(10)).toThrow(RangeError)
    expect(() => permutation.at(-1)).toThrow(RangeError)
    expect(() => new Permutation(2 ** 53, 'seed')).toThrow(RangeError)
    expect(() => new Permutation(1.5, 'seed')).toThrow(RangeError)
  })

  it.each(['a', 'b', 'c'])('leaves nothing of the old order: no correlation, seed %s', (seed) => {
    const size = 20_000
    const permutation = new Permutation(size, seed)
    const mean = (size - 1) / 2
    let covariance = 0
    for (let i = 0; i < size; i++) covariance += (i - mean) * (permutation.at(i) - mean)
    const correlation = covariance / (size * ((size * size - 1) / 12))
    // Four standard deviations of what chance gives.
    expect(Math.abs(correlation)).toBeLessThan(4 / Math.sqrt(size))
  })

  it.each(['a', 'b', 'c'])(
    'hits no /24 in a run: a /8 in windows of 256 connects, seed %s',
    (seed) => {
      const permutation = new Permutation(2 ** 24, seed)
      let worst = 0
      let neighbours = 0
      let last = -1
      for (let window = 0; window < 400; window++) {
        const hits = new Map<number, number>()
        for (let i = 0; i < 256; i++) {
          const prefix = permutation.at(window * 256 + i) >>> 8
          if (prefix === last) neighbours++
          last = prefix
          hits.set(prefix, (hits.get(prefix) ?? 0) + 1)
        }
        worst = Math.max(worst, ...hits.values())
      }
      // 65,536 prefixes: twice in a window happens by chance, four times does not in 400 of them.
      expect(worst).toBeLessThanOrEqual(3)
      // In the list's own order it would be 102,000 of 102,400; by chance it is 1.6.
      expect(neighbours).toBeLessThan(12)
    },
  )
})

describe('Order', () => {
  it.each([
    [0, 3],
    [2, 3],
    [10, 3],
    [1_001, 7],
    [1_000, 1],
  ])('of %i targets in %i shards: disjoint and complete, whatever the seeds', (size, count) => {
    const indices: unknown[] = []
    for (let number = 1; number <= count; number++) {
      const seed = number === 2 ? undefined : `seed ${number}`
      const order = new Order(size, { number, count }, seed)
      indices.push(...all(order.size, (i) => order.indexAt(i)))
    }
    expect(sorted(indices)).toEqual([...Array(size).keys()])
  })

  it('is that of the list without a seed', () => {
    const order = new Order(5, WHOLE, undefined)
    expect(all(order.size, (i) => order.indexAt(i))).toEqual([0, 1, 2, 3, 4])
  })
})
