/** Socket options, as the kernel has them afterwards. */
import {
  errno,
  type Handle,
  type InetAddress,
  type SocketAddress,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
} from '@pollout/core'
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest'
import { settle, useWorld } from './harness.js'
import { HAS_PYTHON, kernelOptions, numbers } from './kernel-view.js'
import { TestPeer } from './test-peer.js'

const STREAM: SocketSpec = { family: 'inet', type: 'stream' }
const DATAGRAM: SocketSpec = { family: 'inet', type: 'dgram' }
/** Not in the table: what libuv sets beside the idle time. */
const KEEPALIVE_INTERVAL_AND_PROBES = ['6:5', '6:6']
const world = useWorld()
let peer: TestPeer
let server: SocketAddress

beforeEach(async () => {
  peer = new TestPeer()
  await peer.bind()
  server = await world.server.listen({ host: '127.0.0.1' })
})

afterEach(() => peer.close())

type Row = [SocketOptionName, SocketOptionValue, number]

describe.each<[string, SocketSpec, Row[]]>([
  [
    'a stream',
    STREAM,
    [
      ['noDelay', true, 1],
      ['keepAlive', true, 1],
    ],
  ],
  [
    'a datagram socket',
    DATAGRAM,
    [
      ['broadcast', true, 1],
      ['hopLimit', 7, 7],
      ['sendBufferBytes', 5_000, 10_000],
      ['receiveBufferBytes', 6_000, 12_000],
    ],
  ],
  [
    'an IPv6 datagram socket',
    { family: 'inet6', type: 'dgram' },
    [
      ['hopLimit', 7, 7],
      ['ipv6Only', true, 1],
    ],
  ],
])('%s', (_what, spec, rows) => {
  it.for(rows)('has %s before the connect', async ([name, value, number], context) => {
    needPython(context)
    const handle = opened(spec)
    expect(set(handle, name, value)).toBe(0)
    await connect(handle, spec)
    expect(kernel(handle, numbers(spec, name))).toEqual([number])
  })

  const later = rows.filter(([name]) => name !== 'ipv6Only')
  it.for(later)('has %s on a connected one', async ([name, value, number], context) => {
    needPython(context)
    const handle = opened(spec)
    await connect(handle, spec)
    expect(kernel(handle, numbers(spec, name))).not.toEqual([number])
    expect(set(handle, name, value)).toBe(0)
    expect(kernel(handle, numbers(spec, name))).toEqual([number])
  })
})

describe('a stream', () => {
  it('has the idle time of keep-alive only where that is on; libuv sets the other two with it', async (context) => {
    needPython(context)
    const handle = opened(STREAM)
    set(handle, 'keepAliveIdleSeconds', 30)
    await connect(handle, STREAM)
    const names = numbers(STREAM, 'keepAlive', 'keepAliveIdleSeconds')
    const [isOn, usual] = kernel(handle, names)
    expect(isOn).toBe(0)
    set(handle, 'keepAlive', true)
    const asked = [...names, ...KEEPALIVE_INTERVAL_AND_PROBES]
    expect(kernel(handle, asked)).toEqual([1, 30, 1, 10])
    expect(usual).not.toBe(30)
    set(handle, 'keepAlive', false)
    expect(kernel(handle, names)[0]).toBe(0)
  })

  it("has the system's keep-alive times where none is given", async (context) => {
    needPython(context)
    const asked = [
      ...numbers(STREAM, 'keepAlive', 'keepAliveIdleSeconds'),
      ...KEEPALIVE_INTERVAL_AND_PROBES,
    ]
    const handle = opened(STREAM)
    await connect(handle, STREAM)
    const [, ...usual] = kernel(handle, asked)
    set(handle, 'keepAlive', true)
    expect(kernel(handle, asked)).toEqual([1, ...usual])
  })

  it('takes options while it connects', async (context) => {
    needPython(context)
    const handle = opened(STREAM)
    const connected = connect(handle, STREAM)
    set(handle, 'noDelay', true)
    await connected
    expect(kernel(handle, numbers(STREAM, 'noDelay'))).toEqual([1])
  })

  it('keeps its options when it connects again', async (context) => {
    needPython(context)
    const handle = opened(STREAM)
    set(handle, 'noDelay', true)
    await connect(handle, STREAM)
    world.h.backend.disconnect?.(handle)
    await settle()
    await connect(handle, STREAM)
    expect(kernel(handle, numbers(STREAM, 'noDelay'))).toEqual([1])
  })

  it('leaves none to the next one', async (context) => {
    needPython(context)
    for (const name of ['noDelay', 'keepAlive'] as const) {
      const handle = opened(STREAM)
      set(handle, name, true)
      await connect(handle, STREAM)
      world.h.backend.close(handle, 'reset')
      await settle()
    }
    const handle = opened(STREAM)
    await connect(handle, STREAM)
    expect(kernel(handle, numbers(STREAM, 'noDelay', 'keepAlive'))).toEqual([0, 0])
  })

  it('has a type of service, where Node can set it', async (context) => {
    needPython(context)
    if (!world.h.backend.capabilities.options.includes('typeOfService')) {
      return context.skip('this version of Node has no setTypeOfService()')
    }
    const handle = opened(STREAM)
    set(handle, 'typeOfService', 0xb8)
    await connect(handle, STREAM)
    expect(kernel(handle, numbers(STREAM, 'typeOfService'))).toEqual([0xb8])
  })
})

describe('a datagram socket', () => {
  it('may send to a broadcast address when it says so', async () => {
    const handle = opened(DATAGRAM)
    const to: SocketAddress = { family: 'inet', address: '127.255.255.255', port: 9 }
    expect(await world.h.attempt(handle, to)).toBe(-errno.EACCES)
    expect(set(handle, 'broadcast', true)).toBe(0)
    expect(world.h.backend.connect(handle, to)).toBe(0)
  })

  it('may do without IPv4-mapped addresses, but not once it is bound', async () => {
    const { port } = peer.address
    const to: SocketAddress = { family: 'inet6', address: '::ffff:127.0.0.1', port }
    const handle = world.h.open(to, 'dgram')
    set(handle, 'ipv6Only', true)
    expect(await world.h.attempt(handle, to)).toBe(-errno.ENETUNREACH)
    expect(set(handle, 'ipv6Only', false)).toBe(-errno.EINVAL)
    expect(await world.h.attempt(world.h.open(to, 'dgram'), to)).toBe(0)
  })
})

it.each<[string, SocketSpec, SocketOptionName, SocketOptionValue]>([
  ['not among the capabilities', STREAM, 'mark', 1],
  ['of another type of socket', STREAM, 'broadcast', true],
  ['that Node sets for streams only', DATAGRAM, 'noDelay', true],
  ['that Node sets for datagrams only', STREAM, 'hopLimit', 7],
  ['of another family', DATAGRAM, 'ipv6Only', true],
  ['of TCP on a Unix socket', { family: 'unix', type: 'stream' }, 'noDelay', true],
])('an option %s is ENOPROTOOPT', (_what, spec, name, value) => {
  expect(set(opened(spec), name, value)).toBe(-errno.ENOPROTOOPT)
})

it('every option that the capabilities name can be set on some socket', async () => {
  const { options } = world.h.backend.capabilities
  expect(options.length).toBeGreaterThan(0)
  for (const name of options) {
    const results: unknown[] = []
    for (const family of ['inet', 'inet6'] as const) {
      for (const type of ['stream', 'dgram'] as const) {
        results.push(set(world.h.open({ family }, type), name, 1))
      }
    }
    expect(results, name).toContain(0)
  }
})

function needPython(context: TestContext): void {
  if (!HAS_PYTHON) context.skip('no python3 to ask the kernel with')
}

function opened({ family, type }: SocketSpec): Handle {
  return world.h.open({ family }, type)
}

function set(handle: Handle, name: SocketOptionName, value: SocketOptionValue): number | undefined {
  return world.h.backend.setOption?.(handle, name, value)
}

function kernel(handle: Handle, options: readonly string[]): number[] {
  return kernelOptions(world.h.backend.localAddress(handle) as InetAddress, options)
}

/** To the server, or for a datagram socket to any port. */
async function connect(handle: Handle, { family, type }: SocketSpec): Promise<void> {
  const address = family === 'inet6' ? '::1' : '127.0.0.1'
  const to = type === 'stream' ? server : { ...peer.address, family, address }
  expect(await world.h.attempt(handle, to as SocketAddress)).toBe(0)
}
