/** Every function of the addon, called wrongly in every way: it throws or answers an errno, and never crashes. */
import { describe, expect, it } from 'vitest'
import type { NativeFunctions } from '../src/addon.js'
import { loadAddon } from '../src/load-addon.js'
import { availability, descriptors, E, LOOPS, turns } from './support.js'

type Call = (...values: unknown[]) => unknown
type Functions = Record<string, Call>

const NOT_NUMBERS = [
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
const NOT_WHOLE = [
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
const NOT_FUNCTIONS = [undefined, null, 1, 'f', {}, [], Symbol('f')]

/** One kind of argument: a good one, those that are a TypeError, and those that are a RangeError. */
interface Kind {
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

const KINDS = {
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
  intervalMs: number(1, [Number.NaN, -1, Number.POSITIVE_INFINITY]),
  attempts: bytes('empty is right'),
  // The bytes have room for none.
  count: number(0, [...NOT_WHOLE, 1, 2 ** 32]),
  flag: { good: () => true, types: () => NOT_BOOLEAN },
  closed: { good: () => () => {}, types: () => NOT_FUNCTIONS },
} as const satisfies Record<string, Kind>

/** The arguments of every function; `times` may be left out. */
const FUNCTIONS: Readonly<Record<keyof NativeFunctions, readonly (keyof typeof KINDS)[]>> = {
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
  openHandles: [],
  poll: [],
  setRef: ['flag'],
  destroy: ['closed'],
}

const NAMES = Object.keys(FUNCTIONS) as (keyof NativeFunctions)[]
const WITH_HANDLE = NAMES.filter((name) => FUNCTIONS[name][0] === 'handle')

describe.skipIf(!availability.available).each(LOOPS)('native on %s: misuse', (loop) => {
  /** The functions of a backend of its own, which has to be whole afterwards. */
  async function withFunctions(use: (functions: Functions) => void | Promise<void>) {
    const before = descriptors()
    const loaded = loadAddon()
    if (loaded.addon === undefined) throw new Error('no addon')
    const sink = [() => {}, () => {}] as const
    const later = loop === 'thread' ? setImmediate : undefined
    const native = loaded.addon.createBackend(...sink, 0, 0, later)
    const functions = native as unknown as Functions
    await use(functions)
    const handle = native.open(1, 2)
    expect([handle >= 0, native.bind(handle, 1, '', 0)]).toEqual([true, 0])
    await new Promise<void>((resolve) => native.destroy(resolve))
    expect(sink).toHaveLength(2)
    expect(descriptors()).toEqual(before)
  }

  function goodArguments(name: keyof NativeFunctions, functions: Functions): unknown[] {
    return FUNCTIONS[name].map((kind) => KINDS[kind].good(functions))
  }

  /** What it is called with and what came of it, for the message of a failed test. */
  function outcome(functions: Functions, name: string, values: readonly unknown[]): string {
    try {
      const result = functions[name]?.(...values)
      if (typeof result === 'number' && name === 'detach') functions['adopt']?.(result)
      return result === undefined || typeof result === 'number' ? String(result) : typeof result
    } catch (error) {
      return (error as Error).name
    }
  }

  it('there are rows for every function', async () => {
    await withFunctions((functions) => {
      expect(Object.keys(functions).sort()).toEqual([...NAMES].sort())
    })
  })

  describe.each(NAMES)('%s()', (name) => {
    const kinds = FUNCTIONS[name]

    it('arguments that are missing', async () => {
      await withFunctions((functions) => {
        for (let count = 0; count < kinds.length; count++) {
          if (kinds[count] === 'times') continue
          const values = goodArguments(name, functions).slice(0, count)
          expect([count, outcome(functions, name, values)]).toEqual([count, 'TypeError'])
        }
      })
    })

    it.each(kinds.map((kind, index) => ({ kind, index })))(
      '$kind of a wrong type, or out of range',
      async ({ kind, index }) => {
        const { types, ranges = [] }: Kind = KINDS[kind]
        await withFunctions((functions) => {
          for (const [wrong, error] of [
            ...types().map((value) => [value, 'TypeError'] as const),
            ...ranges.map((value) => [value, 'RangeError'] as const),
          ]) {
            const values = goodArguments(name, functions)
            values[index] = wrong
            const label = `${typeof wrong} ${Object.prototype.toString.call(wrong)} ${typeof wrong === 'number' ? wrong : ''}`
            expect([label, outcome(functions, name, values)]).toEqual([label, error])
          }
        })
      },
    )

    it('with another `this`, as a constructor, and with too many arguments', async () => {
      await withFunctions((functions) => {
        const call = functions[name] as Call
        if (name === 'destroy') return
        for (const self of [undefined, null, 1, {}, new Proxy({}, {})]) {
          const result = Reflect.apply(call, self, [...goodArguments(name, functions), {}, 1, 'x'])
          if (name === 'detach') functions['adopt']?.(result)
        }
        // A constructor answers with an object: the descriptor would be lost.
        if (name === 'detach') return
        const made = Reflect.construct(call, goodArguments(name, functions))
        expect(typeof made).toBe('object')
      })
    })
  })

  it.each(WITH_HANDLE)('%s() with a handle of nobody', async (name) => {
    await withFunctions((functions) => {
      const closed = functions['open']?.(2, 1)
      functions['close']?.(closed, true)
      const others = [
        -1,
        -0.5,
        0.5,
        2 ** 53,
        2 ** 60,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        12_345_678,
      ]
      for (const handle of [closed, ...others]) {
        const values = goodArguments(name, functions)
        values[0] = handle
        expect(['undefined', String(-E.EBADF)]).toContain(outcome(functions, name, values))
      }
    })
  })

  it('everything after destroy()', async () => {
    const loaded = loadAddon()
    if (loaded.addon === undefined) throw new Error('no addon')
    const native = loaded.addon.createBackend(
      () => {},
      () => {},
    )
    const functions = native as unknown as Functions
    const values = new Map(NAMES.map((name) => [name, goodArguments(name, functions)]))
    const closed = new Promise<void>((resolve) => native.destroy(resolve))
    for (let round = 0; round < 2; round++) {
      for (const name of NAMES) {
        const expected = name === 'openHandles' ? ['0'] : ['undefined', String(-E.EBADF)]
        expect(expected).toContain(outcome(functions, name, values.get(name) ?? []))
      }
      await closed
      await turns(3)
    }
  })

  it.each([
    ['shared', () => new Uint8Array(new SharedArrayBuffer(16), 4, 8)],
    ['shared and growable', () => new Uint8Array(resizable(SharedArrayBuffer))],
    ['resizable', () => new Uint8Array(resizable(ArrayBuffer))],
    ['of a Buffer', () => Buffer.from('01234567')],
  ])('memory that is %s can be sent from and received into', async (_name, make) => {
    await withFunctions((functions) => {
      const native = functions as unknown as NativeFunctions
      const [one, two] = [native.open(1, 2), native.open(1, 2)]
      native.bind(one, 1, '', 0)
      const path = (native.localAddress(one) as { path: string }).path
      native.connect(two, 1, path, 0)
      const data = make()
      data.set([1, 2, 3, 4, 5, 6, 7, 8])
      expect(native.send(two, data, 2)).toBe(6)
      const into = make()
      expect(native.receive(one, into)).toBe(6)
      expect([...into.subarray(0, 6)]).toEqual([3, 4, 5, 6, 7, 8])
      expect(native.getOption(one, 1, 3, into)).toBe(4)
      expect(into[0]).toBe(2)
    })
  })

  it('memory that has shrunk: as much as is left', async () => {
    await withFunctions((functions) => {
      const native = functions as unknown as NativeFunctions
      const buffer = resizable(ArrayBuffer)
      const whole = new Uint8Array(buffer)
      const end = new Uint8Array(buffer, 6, 2)
      ;(buffer as ArrayBuffer & { resize(size: number): void }).resize(4)
      const handle = native.open(2, 2)
      expect(() => native.send(handle, whole, 5)).toThrow(RangeError)
      expect(native.send(handle, whole, 4)).toBe(-E.EDESTADDRREQ)
      expect(() => native.receive(handle, end)).toThrow(TypeError)
      expect(native.receive(handle, whole)).toBe(-E.EAGAIN)
    })
  })

  it('numbers of any size where any number will do', async () => {
    await withFunctions((functions) => {
      const native = functions as unknown as NativeFunctions
      for (const token of [Number.NaN, -1, 2 ** 64, Number.NEGATIVE_INFINITY]) {
        const handle = native.open(2, 1)
        expect(native.register(handle, token, 2)).toBe(0)
        native.deregister(handle)
      }
      expect(native.connectAndWait(native.open(2, 2), Number.MAX_VALUE, 2, '127.0.0.1', 9)).toBe(0)
      expect(native.open(200, 1)).toBe(-E.EAFNOSUPPORT)
      const vsock = [0, 2 ** 32 - 1].map((cid) =>
        native.connect(native.open(2, 1), 40, cid as number, cid),
      )
      expect(vsock).toEqual([-E.EAFNOSUPPORT, -E.EAFNOSUPPORT])
      for (const cid of [-1, 2 ** 32, 0.5]) {
        expect(() => native.connect(native.open(2, 1), 40, cid, 1)).toThrow(RangeError)
      }
    })
  })

  it('createBackend() with what it does not take', () => {
    const loaded = loadAddon()
    if (loaded.addon === undefined) throw new Error('no addon')
    const create = loaded.addon.createBackend as unknown as Call
    const before = descriptors()
    const f = () => {}
    for (const wrong of NOT_FUNCTIONS) {
      expect(() => create(wrong, f)).toThrow(TypeError)
      expect(() => create(f, wrong)).toThrow(TypeError)
    }
    for (const wrong of NOT_NUMBERS.filter((value) => value !== undefined)) {
      expect(() => create(f, f, wrong)).toThrow(TypeError)
      expect(() => create(f, f, 0, wrong)).toThrow(TypeError)
    }
    for (const wrong of NOT_FUNCTIONS.filter((value) => value !== undefined)) {
      expect(() => create(f, f, 0, 0, wrong)).toThrow(TypeError)
    }
    for (const wrong of [...NOT_WHOLE, 65]) {
      expect(() => create(f, f, 0, wrong)).toThrow(RangeError)
    }
    expect(() => create()).toThrow(TypeError)
    expect(descriptors()).toEqual(before)
  })
})

function detached<T extends Uint8Array | Float64Array>(array: T): T {
  structuredClone(array, { transfer: [array.buffer as ArrayBuffer] })
  return array
}

/** Eight bytes that may become more, or fewer. TypeScript's library for Node 20 has no name for the second argument. */
function resizable<T extends ArrayBuffer | SharedArrayBuffer>(
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
