/** What every function of the addon takes, and what it does not. */
import type { NativeFunctions } from '../src/addon.js'

export type Call = (...values: unknown[]) => unknown
export type Functions = Record<string, Call>

export const NOT_NUMBERS = [
  undefined,
  null,
  '1',
  '',
  {},
  [],
  [1],
  Symbol('1'),
  1n,
  true,
  () => 1,
  new Number(1),
]
export const NOT_WHOLE = [
  Number.NaN,
  0.5,
  -1,
  -0.5,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** 64,
]
const NOT_TEXT = [
  undefined,
  null,
  1,
  {},
  [],
  Symbol('x'),
  1n,
  true,
  new String('x'),
  Buffer.from('x'),
]
const NOT_BOOLEAN = [undefined, null, 0, 1, '', 'true', {}, new Boolean(true)]
const NOT_ARRAYS = [undefined, null, 1, 'f', {}, { length: 1, 0: 1 }, new Uint8Array(1)]
export const NOT_FUNCTIONS = [undefined, null, 1, 'f', {}, [], Symbol('f')]

/** One kind of argument: a good one, those that are a TypeError, and those that are a RangeError. */
export interface Kind {
  readonly good: (functions: Functions) => unknown
  readonly types: () => readonly unknown[]
  readonly ranges?: readonly unknown[]
}

const number = (good: number, ranges: readonly number[] = []): Kind => ({
  good: () => good,
  types: () => NOT_NUMBERS,
  ranges,
})
const bytes = (empty: 'empty is wrong' | 'empty is right'): Kind => ({
  good: () => new Uint8Array(8),
  types: () => [
    ...NOT_NUMBERS,
    1,
    'text',
    new ArrayBuffer(8),
    new SharedArrayBuffer(8),
    new DataView(new ArrayBuffer(8)),
    new Float64Array(1),
    new Uint8ClampedArray(8),
    new Int8Array(8),
    Object.create(Uint8Array.prototype),
    new Proxy(new Uint8Array(8), {}),
    detached(new Uint8Array(8)),
    ...(empty === 'empty is wrong' ? [new Uint8Array(0), outOfBounds()] : []),
  ],
})

function notDoubles(): readonly unknown[] {
  return [
    ...NOT_NUMBERS,
    1,
    new ArrayBuffer(8),
    new Float32Array(2),
    new Uint8Array(16),
    detached(new Float64Array(2)),
  ]
}

/** In the order of native/exchange_calls.cc: those of a lane that never connects, as nobody asks it to. */
const EXCHANGE_NUMBERS = [...[1, 0, 1, 1, 0, 0, 0, 1, 1, 1], ...[0, 0, 1, 0, 1, 0, 1, 0, 0, 0]]

export const KINDS = {
  handle: {
    good: (functions: Functions) => functions['open']?.(2, 1),
    types: () => NOT_NUMBERS,
  },
  family: number(2, [...NOT_WHOLE, 256]),
  // SOCK_NONBLOCK and SOCK_CLOEXEC are not for the caller.
  type: number(1, [...NOT_WHOLE, 11, 1 | 2048, 1 | 524288]),
  addressFamily: number(2, [...NOT_WHOLE, 0, 3, 255, 256]),
  where: { good: () => '127.0.0.1', types: () => NOT_TEXT },
  port: number(1, [...NOT_WHOLE, 65_536]),
  timeoutMs: number(1, [Number.NaN, -1, -0.5, Number.NEGATIVE_INFINITY]),
  descriptor: number(-1, [Number.NaN, 0.5, 2 ** 31, -(2 ** 31) - 1, Number.POSITIVE_INFINITY]),
  token: number(1),
  interest: number(1, [...NOT_WHOLE, 0, 4]),
  level: number(1, [...NOT_WHOLE, 2 ** 31]),
  option: number(8, [...NOT_WHOLE, 2 ** 31]),
  into: bytes('empty is wrong'),
  data: bytes('empty is right'),
  value: bytes('empty is right'),
  offset: number(0, [...NOT_WHOLE, 9, 2 ** 53]),
  times: {
    good: () => new Float64Array(2),
    types: () => [
      ...NOT_NUMBERS.filter((value) => value !== undefined),
      new Float64Array(1),
      new Float32Array(2),
      new Uint8Array(16),
      detached(new Float64Array(2)),
    ],
  },
  lane: {
    good: (functions: Functions) => functions['openLane']?.(1, 0, [], [], [], 0, () => {}),
    types: () => NOT_NUMBERS,
  },
  limit: number(1, [...NOT_WHOLE, 0, 2 ** 31]),
  onConnected: number(1, [...NOT_WHOLE, 3]),
  socketOptions: {
    good: () => [[6, 1, new Uint8Array(4)]],
    types: () => [...NOT_ARRAYS, [1], [[]], [['6', 1, new Uint8Array(4)]], [[6, 1, [1]]]],
  },
  sources: {
    good: () => [[2, '127.0.0.1', 0]],
    types: () => [...NOT_ARRAYS, [1], [[]], [['2', '127.0.0.1', 0]], [[2, 1, 0]], [[2, '', '0']]],
  },
  peers: {
    good: () => [[2, '127.0.0.1', 1]],
    types: () => [...NOT_ARRAYS, [1], [[]], [['2', '127.0.0.1', 0]], [[2, 1, 0]], [[2, '', '0']]],
    ranges: [[]],
  },
  numbers: {
    good: () => Float64Array.of(...EXCHANGE_NUMBERS),
    types: notDoubles,
    ranges: [
      new Float64Array(0),
      new Float64Array(EXCHANGE_NUMBERS.length),
      ...EXCHANGE_NUMBERS.map((_, i) => Float64Array.from(EXCHANGE_NUMBERS).fill(-1e9, i, i + 1)),
      ...EXCHANGE_NUMBERS.map((_, i) =>
        Float64Array.from(EXCHANGE_NUMBERS).fill(Number.NaN, i, i + 1),
      ),
    ],
  },
  requests: {
    good: () => [[[0, 0, 0, 0, new Uint8Array(1)]]],
    types: () => [...NOT_ARRAYS, [1], [[1]], [[[]]], [[['0', 0, 0, 0, new Uint8Array(1)]]]],
    ranges: [
      [],
      [[[4, 0, 0, 0, new Uint8Array(1)]]],
      [[[1, -1, 0, 1, new Uint8Array(0)]]],
      [[[1, 0, 0, 21, new Uint8Array(0)]]],
      [[[2, 0, Number.NaN, 1, new Uint8Array(0)]]],
      [[[3, 0, 0, 2 ** 30, new Uint8Array(0)]]],
    ],
  },
  exchangeLane: {
    good: (functions: Functions) =>
      functions['openExchanges']?.(
        ...[[[2, '127.0.0.1', 1]], [], [], [], [], Float64Array.of(...EXCHANGE_NUMBERS)],
        ...[[[[0, 0, 0, 0, new Uint8Array(1)]]], new Uint8Array(0), new Uint8Array(0)],
        ...[() => {}, () => {}],
      ),
    types: () => NOT_NUMBERS,
  },
  exchanges: { good: () => new Float64Array(1), types: notDoubles },
  intervalMs: number(1, [Number.NaN, -1, Number.POSITIVE_INFINITY]),
  attempts: bytes('empty is right'),
  // The bytes have room for none.
  count: number(0, [...NOT_WHOLE, 1, 2 ** 32]),
  flag: { good: () => true, types: () => NOT_BOOLEAN },
  closed: { good: () => () => {}, types: () => NOT_FUNCTIONS },
} as const satisfies Record<string, Kind>

/** The arguments of every function; `times` may be left out. */
export const FUNCTIONS: Readonly<Record<keyof NativeFunctions, readonly (keyof typeof KINDS)[]>> = {
  open: ['family', 'type'],
  adopt: ['descriptor'],
  bind: ['handle', 'addressFamily', 'where', 'port'],
  connect: ['handle', 'addressFamily', 'where', 'port'],
  connectAndWait: ['handle', 'timeoutMs', 'addressFamily', 'where', 'port'],
  disconnect: ['handle'],
  register: ['handle', 'token', 'interest'],
  watch: ['handle', 'token'],
  deregister: ['handle'],
  finishConnect: ['handle', 'times'],
  failedHere: ['handle'],
  receive: ['handle', 'into'],
  ended: ['handle'],
  send: ['handle', 'data', 'offset'],
  shutdown: ['handle'],
  setOption: ['handle', 'level', 'option', 'value'],
  getOption: ['handle', 'level', 'option', 'value'],
  close: ['handle', 'flag'],
  detach: ['handle'],
  kindOf: ['handle'],
  localAddress: ['handle'],
  peerAddress: ['handle'],
  openLane: [
    'limit',
    'onConnected',
    'socketOptions',
    'socketOptions',
    'sources',
    'intervalMs',
    'closed',
  ],
  submit: ['lane', 'attempts', 'count'],
  limit: ['lane', 'limit'],
  cancel: ['lane'],
  openExchanges: [
    ...(['peers', 'socketOptions', 'socketOptions', 'socketOptions', 'sources'] as const),
    ...(['numbers', 'requests', 'data', 'data', 'closed', 'closed'] as const),
  ],
  submitExchanges: ['exchangeLane', 'exchanges', 'count'],
  stopExchanges: ['exchangeLane'],
  cancelExchanges: ['exchangeLane'],
  openHandles: [],
  poll: [],
  setRef: ['flag'],
  destroy: ['closed'],
}

function detached<T extends Uint8Array | Float64Array>(array: T): T {
  structuredClone(array, { transfer: [array.buffer as ArrayBuffer] })
  return array
}

/** Eight bytes that may become more, or fewer. TypeScript's library for Node 20 has no name for the second argument. */
export function resizable<T extends ArrayBuffer | SharedArrayBuffer>(
  kind: new (size: number, options: { maxByteLength: number }) => T,
): T {
  return new kind(8, { maxByteLength: 64 })
}

/** A view whose memory is gone: its buffer was made smaller. */
function outOfBounds(): Uint8Array {
  const buffer = resizable(ArrayBuffer)
  const view = new Uint8Array(buffer, 4, 4)
  ;(buffer as ArrayBuffer & { resize(size: number): void }).resize(2)
  return view
}
