/** What can't be meant by a number, for every one that is an option: thrown at the call, by the name of the option. */
import {
  delimited,
  delimitedParser,
  encodeFixedSize,
  encodeLengthPrefixed,
  encodeLine,
  fixedSize,
  fixedSizeParser,
  lengthPrefixed,
  lengthPrefixedParser,
  lineParser,
  lines,
  RequestChannel,
} from '@pollout/framing'
import { NEVER } from 'rxjs'
import { describe, expect, it } from 'vitest'

const NONE = [Number.NaN, Number.NEGATIVE_INFINITY, -1, '5', true, {}]
/** What is wrong with each kind of number, and what is right. */
const KINDS = {
  milliseconds: { wrong: [...NONE, 0], right: [0.5, 1, 2 ** 40, Number.POSITIVE_INFINITY] },
  count: { wrong: [...NONE, 0, 1.5], right: [1, 1_000, Number.POSITIVE_INFINITY] },
  bytes: { wrong: [...NONE, 0, 1.5, 2 ** 53, Number.POSITIVE_INFINITY], right: [1, 2 ** 32] },
  offset: { wrong: [...NONE, 0.5, Number.POSITIVE_INFINITY], right: [0, 4] },
  header: { wrong: [...NONE, 1, 2.5, Number.POSITIVE_INFINITY], right: [2, 8] },
  width: { wrong: [...NONE, 0, 5, Number.POSITIVE_INFINITY], right: [1, 2, 3, 4, 8] },
} as const

type Row = readonly [
  name: string,
  kind: keyof typeof KINDS,
  call: (options: object, value: number) => unknown,
]

const channel: Row[2] = (options) =>
  new RequestChannel({ responses: NEVER, send: () => {}, ...options }).close()
const rows: readonly Row[] = [
  ['timeoutMs', 'milliseconds', channel],
  ['maxOutstanding', 'count', channel],
  ['maxQueued', 'count', channel],
  [
    'timeoutMs',
    'milliseconds',
    (options) => {
      using open = new RequestChannel({ responses: NEVER, send: () => {} })
      return open.request('a', options)
    },
  ],
  ...[lines, lineParser].map((make): Row => ['maxBytes', 'bytes', make]),
  ...[delimited, delimitedParser].map((make): Row => {
    return ['maxBytes', 'bytes', (options) => make('\0', options)]
  }),
  ...[lengthPrefixed, lengthPrefixedParser].flatMap((make): Row[] => [
    ['maxBytes', 'bytes', (options) => make({ bytes: 2, ...options })],
    ['offset', 'offset', (options) => make({ bytes: 2, ...options })],
    ['headerBytes', 'header', (options) => make({ bytes: 2, ...options })],
    ['bytes', 'width', (options) => make({ ...(options as { bytes: 2 }) })],
  ]),
  ['bytes', 'width', (options) => encodeLengthPrefixed(Buffer.alloc(0), options as { bytes: 2 })],
  ...[fixedSize, fixedSizeParser].map((make): Row => ['size', 'bytes', (_, size) => make(size)]),
]

describe.each(rows)('%s: %s', (name, kind, call) => {
  const { wrong, right } = KINDS[kind]

  it.each(wrong)('not %j', (value) => {
    const error = thrown(() => call({ [name]: value }, value as number))
    expect(error).toBeInstanceOf(RangeError)
    expect(error?.message).toContain(name)
    expect(error?.message).toContain(typeof value === 'string' ? `"${value}"` : String(value))
  })

  it.each(right)('%d', (value) => {
    expect(thrown(() => call({ [name]: value }, value))).toBeUndefined()
  })
})

describe('a misspelt option is refused', () => {
  const options: object = { timeotMs: 5 }
  const layout = { bytes: 2, ...options } as const

  it.each<[name: string, call: () => unknown]>([
    ['RequestChannel', () => channel(options, 0)],
    [
      'request',
      () => {
        using open = new RequestChannel({ responses: NEVER, send: () => {} })
        return open.request('a', options)
      },
    ],
    ['lines', () => lines(options)],
    ['lineParser', () => lineParser(options)],
    ['encodeLine', () => encodeLine('a', options)],
    ['delimited', () => delimited('\0', options)],
    ['delimitedParser', () => delimitedParser('\0', options)],
    ['lengthPrefixed', () => lengthPrefixed(layout)],
    ['lengthPrefixedParser', () => lengthPrefixedParser(layout)],
    ['encodeLengthPrefixed', () => encodeLengthPrefixed('a', layout)],
  ])('%s', (_, call) => {
    expect(call).toThrow(TypeError)
    expect(call).toThrow('there is no option "timeotMs"')
  })
})

it.each(KINDS.bytes.wrong)('encodeFixedSize(): size is not %j', (size) => {
  expect(() => encodeFixedSize(Buffer.alloc(1), size as number)).toThrow(RangeError)
})

function thrown(call: () => unknown): Error | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    return error as Error
  }
}
