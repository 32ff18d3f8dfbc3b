/** Memory of copies, used again. */
import { expect, it } from 'vitest'
import { CHUNK_BYTES, Copies } from '../src/copies.js'

it('uses the memory of a copy again once it is released, and not before', () => {
  const copies = new Copies()
  const first = copies.of(Buffer.alloc(CHUNK_BYTES, 'a'))
  const second = copies.of(Buffer.alloc(CHUNK_BYTES, 'b'))
  expect(second.buffer).not.toBe(first.buffer)
  copies.release(first)
  const third = copies.of(Buffer.alloc(40_000, 'c'))
  expect(third.buffer).toBe(first.buffer)
  expect(third.equals(Buffer.alloc(40_000, 'c'))).toBe(true)
  copies.release(third)
  const fourth = copies.of(Buffer.alloc(CHUNK_BYTES, 'd'))
  expect(fourth.buffer).toBe(first.buffer)
  expect(fourth.equals(Buffer.alloc(CHUNK_BYTES, 'd'))).toBe(true)
})

it('gives a small copy memory of its size, which is not kept', () => {
  const copies = new Copies()
  const small = copies.of(Buffer.alloc(5_000))
  expect(small.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize)
  copies.release(small)
  expect(copies.of(Buffer.alloc(CHUNK_BYTES)).buffer).not.toBe(small.buffer)
})

it('keeps so much and no more', () => {
  const copies = new Copies()
  const made = Array.from({ length: 100 }, () => copies.of(Buffer.alloc(CHUNK_BYTES)))
  const memory = new Set(made.map(({ buffer }) => buffer))
  for (const copy of made) copies.release(copy)
  const again = made.map(() => copies.of(Buffer.alloc(CHUNK_BYTES)))
  const isOld = again.map(({ buffer }) => memory.has(buffer))
  expect(isOld.filter(Boolean)).toHaveLength(32)
})
