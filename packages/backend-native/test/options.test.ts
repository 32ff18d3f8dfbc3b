/** Socket options against the real kernel: each set by name, and read back by number. */
import { once } from 'node:events'
import {
  appliesTo,
  decodeSocketOption,
  type Handle,
  optionNumbers,
  SOCKET_OPTION_NAMES,
  SOCKET_OPTIONS,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
} from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { describeNative, descriptors, E, opened, turns } from './support.js'

const WRITABLE = 2
const CONNECTED = 0
const IPPROTO_TCP = 6
const SOL_SOCKET = 1
const SO_LINGER = 13
const SO_RCVBUF = 8

const SPECS: readonly SocketSpec[] = (
  [
    ['inet', ['stream', 'dgram']],
    ['inet6', ['stream', 'dgram']],
    ['unix', ['stream', 'dgram', 'seqpacket']],
  ] as const
).flatMap(([family, types]) => types.map((type) => ({ family, type })))

/** What to set, and what the kernel says then where that is something else. */
const SAMPLES: Readonly<Record<SocketOptionName, readonly SocketOptionValue[]>> = {
  noDelay: [true],
  keepAlive: [true],
  keepAliveIdleSeconds: [33],
  keepAliveIntervalSeconds: [44],
  keepAliveProbes: [5],
  userTimeoutMs: [12_345],
  synRetries: [2],
  fastOpen: [true],
  typeOfService: [0x48],
  hopLimit: [42],
  sendBufferBytes: [20_000, 40_000],
  receiveBufferBytes: [30_000, 60_000],
  lingerSeconds: [3],
  broadcast: [true],
  ipv6Only: [true],
  reuseAddress: [true],
  bindAddressNoPort: [true],
  localPortRange: [[40_000, 40_007]],
  device: ['lo'],
  mark: [7],
}

/** Options that not every user, or every kernel, may set: the errno that says so. */
const DENIALS: Partial<Record<SocketOptionName, readonly number[]>> = {
  mark: [-E.EPERM],
  device: [-E.EPERM],
  localPortRange: [-E.ENOPROTOOPT],
}

describeNative('socket options', (kit) => {
  it('there is a capability, and a row here, for every one', () => {
    expect(kit().backend.capabilities.options).toEqual(SOCKET_OPTION_NAMES)
    expect(Object.keys(SAMPLES).sort()).toEqual([...SOCKET_OPTION_NAMES].sort())
  })

  describe.each(SPECS)('$family $type', (spec) => {
    const names = SOCKET_OPTION_NAMES.filter((name) => appliesTo(name, spec))
    const others = SOCKET_OPTION_NAMES.filter((name) => !appliesTo(name, spec))

    it.for(names)('%s', (name, ctx) => {
      const { bench, backend } = kit()
      const handle = bench.open(spec.family, spec.type)
      const [value, kept = value] = SAMPLES[name]
      if (value === undefined) throw new Error('no sample')
      const result = backend.setOption(handle, name, value)
      if (DENIALS[name]?.includes(result))
        return ctx.skip(`${name} is not for us here: errno ${-result}`)
      expect(result).toBe(0)
      expect(readBack(handle, spec, name)).toEqual(kept)
      if (SOCKET_OPTIONS[name].kind.is !== 'flag') return
      expect(backend.setOption(handle, name, false)).toBe(0)
      expect(readBack(handle, spec, name)).toBe(false)
    })

    it('others are ENOPROTOOPT', () => {
      const { bench, backend } = kit()
      const handle = bench.open(spec.family, spec.type)
      for (const name of others) {
        const value = SAMPLES[name][0] as SocketOptionValue
        expect([name, backend.setOption(handle, name, value)]).toEqual([name, -E.ENOPROTOOPT])
      }
      expect(backend.setOption(handle, 'none' as SocketOptionName, true)).toBe(-E.ENOPROTOOPT)
    })
  })

  function readBack(handle: Handle, spec: SocketSpec, name: SocketOptionName): SocketOptionValue {
    const { level, option } = optionNumbers(spec, name)
    const into = new Uint8Array(64)
    const size = kit().backend.kernel.getOption(handle, level, option, into)
    expect(size).toBeGreaterThan(0)
    return decodeSocketOption(name, into.subarray(0, size))
  }

  it('an option of no device, and one that comes too late', async () => {
    const { bench, backend } = kit()
    expect(backend.setOption(bench.open(), 'device', 'pollout-none')).toBe(-E.ENODEV)
    const handle = await bench.connected((await kit().serve()).at)
    expect(backend.setOption(handle, 'fastOpen', true)).toBe(-E.EINVAL)
    expect(backend.setOption(handle, 'noDelay', true)).toBe(0)
  })

  it('by number: bytes as they are, and what the kernel says', () => {
    const { bench, backend } = kit()
    const { kernel } = backend
    const handle = bench.open()
    const bytes = (value: number) => new Uint8Array(Uint32Array.of(value).buffer)
    expect(kernel.setOption(handle, SOL_SOCKET, SO_RCVBUF, bytes(10_000))).toBe(0)
    const into = new Uint8Array(8).fill(255)
    expect(kernel.getOption(handle, SOL_SOCKET, SO_RCVBUF, into)).toBe(4)
    expect(new Uint32Array(into.buffer)[0]).toBe(20_000)
    expect([...into.subarray(4)]).toEqual([255, 255, 255, 255])
    expect(kernel.setOption(handle, SOL_SOCKET, SO_RCVBUF, new Uint8Array(2))).toBe(-E.EINVAL)
    expect(kernel.setOption(handle, SOL_SOCKET, SO_RCVBUF, new Uint8Array(0))).toBe(-E.EINVAL)
    expect(kernel.setOption(handle, SOL_SOCKET, 9999, bytes(1))).toBe(-E.ENOPROTOOPT)
    expect(kernel.getOption(handle, IPPROTO_TCP, 9999, into)).toBe(-E.ENOPROTOOPT)
    backend.close(handle, 'graceful')
    expect(kernel.setOption(handle, SOL_SOCKET, SO_RCVBUF, bytes(1))).toBe(-E.EBADF)
    expect(kernel.getOption(handle, SOL_SOCKET, SO_RCVBUF, into)).toBe(-E.EBADF)
    expect(backend.setOption(handle, 'noDelay', true)).toBe(-E.EBADF)
    expect(kernel.specOf(handle)).toBeUndefined()
  })

  it.each(['graceful', 'reset'] as const)(
    'whatever lingerSeconds says, a %s close() does not wait',
    async (mode) => {
      const { bench, backend } = kit()
      const server = await kit().serve()
      const handle = await bench.connected(server.at)
      const peer = await server.accepted()
      expect(backend.setOption(handle, 'lingerSeconds', 20)).toBe(0)
      const data = new Uint8Array(1 << 16)
      let sent = 0
      for (let took = 0; took >= 0; sent += Math.max(took, 0)) took = backend.send(handle, data, 0)
      const before = performance.now()
      backend.close(handle, mode)
      expect(performance.now() - before).toBeLessThan(5_000)
      if (mode === 'reset') return
      // And it is all sent nevertheless.
      let heard = 0
      peer.on('data', (chunk) => {
        heard += chunk.length
      })
      await once(peer, 'end')
      expect(heard).toBe(sent)
    },
  )

  it('linger with 0 seconds: a graceful close() is a reset', async () => {
    const { bench, backend } = kit()
    const server = await kit().serve()
    const handle = await bench.connected(server.at)
    const peer = await server.accepted()
    expect(backend.setOption(handle, 'lingerSeconds', 0)).toBe(0)
    peer.resume()
    const heard = new Promise((resolve) => peer.once('error', resolve))
    backend.close(handle, 'graceful')
    expect(await heard).toMatchObject({ code: 'ECONNRESET' })
  })

  describe('a socket that was used before', () => {
    /** Calls `use` with a new handle in the moment when a reset socket waits for that peer to be connected again. */
    async function withRecycled(use: (handle: Handle) => void): Promise<void> {
      const { bench, backend } = kit()
      const server = await kit().serve()
      for (let round = 0; round < 2; round++) {
        const handle = bench.open()
        backend.connect(handle, server.at)
        const token = bench.token()
        backend.register(handle, token, WRITABLE)
        await new Promise<void>((resolve, reject) => {
          bench.sink.onBatch = () => {
            bench.sink.onBatch = () => {}
            try {
              expect(backend.finishConnect(handle)).toBe(CONNECTED)
              const count = descriptors().size
              backend.close(handle, 'reset')
              // Known by the second time, so kept: this is what the test is about.
              if (round === 1) {
                expect(descriptors().size).toBe(count)
                use(bench.open())
              }
              resolve()
            } catch (error) {
              reject(error)
            }
          }
        })
        await turns(2)
      }
    }

    it.each<[string, (handle: Handle) => number]>([
      ['setOption', (handle) => kit().backend.setOption(handle, 'noDelay', true)],
      [
        'setOption by number',
        (handle) =>
          kit().backend.kernel.setOption(handle, SOL_SOCKET, SO_LINGER, new Uint8Array(8)),
      ],
      ['getOption', (handle) => minimumRoundTrip(handle)],
      ['bind', (handle) => kit().backend.bind(handle, LOOPBACK)],
      ['disconnect', (handle) => kit().backend.disconnect(handle)],
    ])('is exchanged for a new one by %s', async (_name, call) => {
      await withRecycled((handle) => {
        expect(kit().backend.localAddress(handle)).toBeUndefined()
        const fd = opened(() => expect(call(handle)).toBeGreaterThanOrEqual(0))
        expect(fd).toBeGreaterThan(0)
        // Nothing of the connection before: TCP_INFO of a new socket has no least round trip.
        expect(minimumRoundTrip(handle)).toBe(0xffff_ffff)
      })
    })

    it.each<[string, (handle: Handle) => number]>([
      ['setOption', (handle) => kit().backend.setOption(handle, 'noDelay', true)],
      ['getOption', (handle) => minimumRoundTrip(handle)],
    ])('is not used again after %s', async (_name, call) => {
      const { bench, backend } = kit()
      const server = await kit().serve()
      for (let round = 0; round < 3; round++) {
        const handle = bench.open()
        expect(call(handle)).toBeGreaterThanOrEqual(0)
        backend.connect(handle, server.at)
        backend.register(handle, bench.token(), WRITABLE)
        const gone = new Promise<number>((resolve) => {
          bench.sink.onBatch = () => {
            bench.sink.onBatch = () => {}
            const count = descriptors().size
            backend.close(handle, 'reset')
            resolve(count - descriptors().size)
          }
        })
        expect(await gone).toBe(1)
      }
    })
  })

  const LOOPBACK = { family: 'inet', address: '127.0.0.1', port: 0 } as const

  /** Microseconds: tcpi_min_rtt, at byte 148 of `struct tcp_info`. */
  function minimumRoundTrip(handle: Handle): number {
    const into = new Uint8Array(192)
    const size = kit().backend.kernel.getOption(handle, IPPROTO_TCP, 11, into)
    expect(size).toBeGreaterThanOrEqual(152)
    return new DataView(into.buffer).getUint32(
      148,
      new Uint8Array(Uint16Array.of(1).buffer)[0] === 1,
    )
  }
})
