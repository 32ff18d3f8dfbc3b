/** The queue against a plain array: the same bytes, and memory that is never written to twice. */
import { ByteQueue } from '@pollout/framing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

describe('ByteQueue', () => {
  const step = fc.oneof(
    fc.record({ push: fc.uint8Array({ maxLength: 20, size: 'max' }) }),
    fc.record({ take: fc.nat(30) }),
    fc.record({ skip: fc.nat(30) }),
    fc.record({ find: fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 }), from: fc.nat(10) }),
  )

  it('is what an array of bytes is', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const queue = new ByteQueue()
        let model: number[] = []
        const taken: [Buffer, number[]][] = []
        for (const one of steps) {
          if ('push' in one) {
            queue.push(one.push)
            model.push(...one.push)
          } else if ('take' in one) {
            const size = Math.min(one.take, model.length)
            taken.push([queue.take(size), model.slice(0, size)])
            model = model.slice(size)
          } else if ('skip' in one) {
            const size = Math.min(one.skip, model.length)
            queue.skip(size)
            model = model.slice(size)
          } else {
            const from = Math.min(one.from, model.length)
            const expected = Buffer.from(model).indexOf(one.find, from)
            expect(queue.indexOf(one.find, from)).toBe(expected)
            const [byte = 0] = one.find
            expect(queue.indexOf(byte, from)).toBe(model.indexOf(byte, from))
          }
          expect(queue.length).toBe(model.length)
          expect([...queue.peek()]).toEqual(model)
          expect(model.map((_, i) => queue.at(i))).toEqual(model)
        }
        // Nothing that was given away has changed since.
        for (const [frame, as] of taken) expect([...frame]).toEqual(as)
      }),
      { numRuns: 500 },
    )
  })

  it('does not copy a chunk that comes to an empty queue', () => {
    const queue = new ByteQueue()
    const chunk = Buffer.from('abc')
    queue.push(chunk)
    expect(queue.take(2).buffer).toBe(chunk.buffer)
    queue.push(Buffer.from('def'))
    expect(queue.take().toString()).toBe('cdef')
  })

  it('refuses what is not in it', () => {
    const queue = new ByteQueue()
    queue.push(Buffer.from('abc'))
    for (const size of [4, -1, 0.5, Number.NaN]) {
      expect(() => queue.take(size)).toThrow(RangeError)
      expect(() => queue.peek(size)).toThrow(RangeError)
      expect(() => queue.skip(size)).toThrow(RangeError)
    }
    for (const index of [3, -1, Number.NaN]) expect(() => queue.at(index)).toThrow(RangeError)
    for (const chunk of ['abc', [1], undefined]) {
      expect(() => queue.push(chunk as never)).toThrow(TypeError)
    }
    expect(queue.length).toBe(3)
  })
})
