/** What can't be meant by an option of the backend: thrown at the call, before an addon is loaded. */
import { nativeBackend } from '@pollout/backend-native'
import { expect, it } from 'vitest'

it.each([-1, 0.5, 1_000_000, Number.NaN, '2'])('threads: not %j', (value) => {
  const threads = value as number
  const given = typeof value === 'string' ? '"2"' : String(value)
  expect(() => nativeBackend({ threads })).toThrow(RangeError)
  expect(() => nativeBackend({ threads })).toThrow(`not ${given}`)
})

it('a misspelt option is refused', () => {
  const options: object = { thread: 2 }
  expect(() => nativeBackend(options)).toThrow(
    new TypeError('there is no option "thread", only threads and loop'),
  )
})
