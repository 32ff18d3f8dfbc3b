/** Every function of the addon, called wrongly in every way: it throws or answers an errno, and never crashes. */
import { describe, expect, it } from 'vitest'
import type { NativeFunctions } from '../src/addon.js'
import { loadAddon } from '../src/load-addon.js'
import {
  type Call,
  FUNCTIONS,
  type Functions,
  KINDS,
  type Kind,
  NOT_FUNCTIONS,
  NOT_NUMBERS,
  NOT_WHOLE,
  resizable,
} from './misuse-arguments.js'
import { availability, descriptors, E, LOOPS, turns } from './support.js'

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
