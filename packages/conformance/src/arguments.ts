/** Conformance of what is handed in: core checks it before any backend sees it, so all backends refuse the same. */

import assert from 'node:assert/strict'
import {
  type DestinationPolicy,
  Interest,
  type Socket,
  type SocketAddress,
  type SocketOptionName,
} from '@pollout/core'
import { addressOf, connectErrorOf, type Define } from './trial.js'

type Thrown = typeof TypeError | typeof RangeError

const inet = { family: 'inet', address: '127.0.0.1', port: 80 }
const inet6 = { ...inet, family: 'inet6', address: '::1' }

/** Whatever JavaScript lets somebody write. */
const NO_ADDRESSES: readonly (readonly [name: string, address: unknown, error: Thrown])[] = [
  ['nothing', undefined, TypeError],
  ['null', null, TypeError],
  ['a URI', 'tcp://127.0.0.1:80', TypeError],
  ['an empty object', {}, TypeError],
  ['a family that there is not', { ...inet, family: 'ax25' }, TypeError],
  ['a family by its number', { ...inet, family: 2 }, TypeError],
  ['an IPv6 literal as inet', { ...inet, address: '::1' }, TypeError],
  ['an IPv4 literal as inet6', { ...inet6, address: '127.0.0.1' }, TypeError],
  ['a name', { ...inet, address: 'localhost' }, TypeError],
  ['short IPv4', { ...inet, address: '127.1' }, TypeError],
  ['no address', { ...inet, address: undefined }, TypeError],
  [
    'an address that is an object',
    { ...inet, address: { toString: () => '127.0.0.1' } },
    TypeError,
  ],
  ['an address with a NUL', { ...inet, address: '127.0.0.1\0' }, TypeError],
  ['an address with brackets', { ...inet6, address: '[::1]' }, TypeError],
  ['an IPv4 address with a zone', { ...inet, address: '127.0.0.1%lo' }, TypeError],
  ['a zone of nothing', { ...inet6, address: '::1%' }, TypeError],
  ['a zone with a space', { ...inet6, address: '::1%l o' }, TypeError],
  ['no port', { family: 'inet', address: '127.0.0.1' }, TypeError],
  ['a port as text', { ...inet, port: '80' }, TypeError],
  ['a port as bigint', { ...inet, port: 80n }, TypeError],
  ['port NaN', { ...inet, port: Number.NaN }, RangeError],
  ['port -1', { ...inet, port: -1 }, RangeError],
  ['port 65536', { ...inet, port: 65_536 }, RangeError],
  ['port 1.5', { ...inet6, port: 1.5 }, RangeError],
  ['port Infinity', { ...inet6, port: Number.POSITIVE_INFINITY }, RangeError],
  ['no path', { family: 'unix' }, TypeError],
  ['a path that is a Buffer', { family: 'unix', path: Buffer.from('/tmp/x') }, TypeError],
  ['a NUL at the end of a path', { family: 'unix', path: '/tmp/x\0' }, TypeError],
  ['a NUL within a path', { family: 'unix', path: '/tmp/x\0more' }, TypeError],
  ['a long path', { family: 'unix', path: `/tmp/${'x'.repeat(103)}` }, TypeError],
  ['a long path of two bytes each', { family: 'unix', path: 'é'.repeat(54) }, TypeError],
  ['half of a pair', { family: 'unix', path: '/tmp/\ud83d' }, TypeError],
  ['UTF-8 byte by byte', { family: 'unix', path: '/tmp/\udcc3\udca9' }, TypeError],
  ['no cid', { family: 'vsock', port: 1 }, TypeError],
  ['cid -1', { family: 'vsock', cid: -1, port: 1 }, RangeError],
  ['vsock port 2^32', { family: 'vsock', cid: 1, port: 2 ** 32 }, RangeError],
  ['vsock port as text', { family: 'vsock', cid: 1, port: '1' }, TypeError],
]

const NO_BYTES: readonly unknown[] = [
  ...[undefined, null, 'text', 5, {}, [1, 2], new ArrayBuffer(4), new DataView(new ArrayBuffer(4))],
  ...[new Uint16Array(4), new Int8Array(4), { length: 4, 0: 1 }],
]

/** Throws at the call, whatever is not a number of bytes within the four that there are. */
const NO_OFFSETS: readonly (readonly [offset: unknown, error: Thrown])[] = [
  [-1, RangeError],
  [Number.NaN, RangeError],
  [1.5, RangeError],
  [5, RangeError],
  [Number.POSITIVE_INFINITY, RangeError],
  ['1', TypeError],
  [null, TypeError],
  [{}, TypeError],
]

export function defineArgumentTests(test: Define): void {
  test('what is no address is thrown at the call, and no policy is asked', async (t) => {
    const asked: SocketAddress[] = []
    const policy: DestinationPolicy = {
      check(address) {
        asked.push(address)
        return { allowed: true, rule: 'any', reason: 'any' }
      },
    }
    const reactor = t.reactor({ policy })
    using socket = reactor.socket('inet')
    const calls = [(to: SocketAddress) => socket.connect(to)]
    if (reactor.capabilities.bind) calls.push((at) => socket.bind(at))
    if (reactor.capabilities.kernelSockets) calls.push((to) => socket.connectSync(to))
    for (const [name, address, error] of NO_ADDRESSES) {
      for (const call of calls) throws(() => call(address as SocketAddress), error, name)
    }
    assert.deepEqual(asked, [])
    assert.equal(socket.peerAddress, undefined)
  })

  for (const transport of ['tcp4', 'unix'] as const) {
    test(
      `over ${transport} what was judged is what is connected to, whatever its getters say next`,
      async (t) => {
        const to = addressOf(t.world.endpoint('echo', transport))
        const judged: SocketAddress[] = []
        const policy: DestinationPolicy = {
          check(address) {
            judged.push(address)
            return { allowed: false, rule: 'none', reason: 'none' }
          },
        }
        const reactor = t.reactor({ policy })
        using socket = reactor.socket(to.family)
        const read: string[] = []
        const sly = new Proxy(
          { ...to, extra: 1 },
          {
            get(target, key) {
              assert.ok(!read.includes(String(key)), `${String(key)} is read once`)
              read.push(String(key))
              return Reflect.get(target, key)
            },
          },
        )
        assert.throws(() => socket.connect(sly), { code: 'ERR_DENIED' })
        assert.deepEqual(judged, [to])
      },
      { transport },
    )
  }

  test('an endpoint object is read once, and its rubbish is thrown at the call', async (t) => {
    const reactor = t.reactor()
    let reads = 0
    const sly = {
      get scheme() {
        return reads++ === 0 ? 'tcp' : 'constructor'
      },
      host: '127.0.0.1',
      port: -1,
    }
    const endpoints: readonly unknown[] = [
      ...[undefined, null, 5, {}, [], sly, { scheme: 'toString', path: '/x' }, 'tcp://127.0.0.1:'],
      ...[
        { scheme: 'tcp', host: '127.0.0.1', port: '80' },
        { scheme: 'unix', path: '/x\0y' },
      ],
      ...[
        { scheme: 'tcp', host: { toString: () => '::1' }, port: 80 },
        { scheme: 'udp', host: '' },
      ],
    ]
    for (const endpoint of endpoints) {
      const { code } = caught(() => reactor.connect(endpoint as string))
      assert.equal(code, 'ERR_INVALID_ENDPOINT')
    }
  })

  test('send() takes bytes and an offset within them', async (t) => {
    using socket = t.reactor().socket('inet')
    const data = Buffer.from('text')
    for (const bytes of NO_BYTES) throws(() => socket.send(bytes as Uint8Array), TypeError)
    for (const [offset, error] of NO_OFFSETS) {
      throws(() => socket.send(data, offset as number), error, String(offset))
    }
    throws(() => socket.send(detached()), TypeError)
  })

  test('receive() takes room for a byte, so that 0 is an end and nothing else', async (t) => {
    using socket = t.reactor().socket('inet')
    for (const into of [...NO_BYTES, new Uint8Array(0), detached()]) {
      throws(() => socket.receive(into as Uint8Array), TypeError)
    }
  })

  test('a closed socket still checks its arguments, and then answers EBADF', async (t) => {
    const socket = t.reactor().socket('inet')
    socket.close()
    throws(() => socket.send(Buffer.from('x'), 2), RangeError)
    throws(() => socket.receive(new Uint8Array(0)), TypeError)
    throws(() => socket.connect(inet6.address as unknown as SocketAddress), TypeError)
    throws(() => socket.close('gently' as 'reset'), TypeError)
    assert.equal(socket.receive(new Uint8Array(1)), 'EBADF')
    assert.equal(socket.send(Buffer.from('x'), 1), 'EBADF')
    assert.equal(socket.connect(inet as SocketAddress), 'EBADF')
  })

  test('readiness() takes a socket and an interest', async (t) => {
    const reactor = t.reactor()
    using socket = reactor.socket('inet')
    for (const other of [undefined, null, {}, 3, 'socket', { assertOf() {} }]) {
      throws(() => reactor.readiness(other as unknown as Socket, Interest.READABLE), TypeError)
    }
    for (const interest of [0, 4, 8, -1, 1.5, Number.NaN, '1', {}, undefined]) {
      throws(() => reactor.readiness(socket, interest as number), RangeError, String(interest))
    }
  })

  test('a socket is asked for by its family and type', async (t) => {
    const reactor = t.reactor()
    for (const family of ['ax25', 'toString', '__proto__', 2, undefined, {}]) {
      assert.throws(() => reactor.socket(family as 'inet'), { code: 'ERR_UNSUPPORTED' })
    }
    for (const type of ['raw', 1, null, {}]) {
      assert.throws(() => reactor.socket('inet', type as 'stream'), { code: 'ERR_UNSUPPORTED' })
    }
  })

  test('options have names of the table, and values of their kind', async (t) => {
    using socket = t.reactor().socket('inet')
    const set = (name: unknown, value: unknown) => () =>
      socket.setOption(name as SocketOptionName, value as never)
    for (const name of ['TCP_NODELAY', 'toString', undefined, {}, 1])
      throws(set(name, 1), TypeError)
    for (const value of [1, 'true', null, undefined]) throws(set('noDelay', value), TypeError)
    for (const value of [Number.NaN, '5', -1, 1.5, null, {}]) {
      throws(set('hopLimit', value), RangeError, String(value))
    }
    for (const value of [[], [1], [2, 1], [0, 1], ['1', '2'], 5]) {
      throws(set('localPortRange', value), RangeError)
    }
    for (const value of ['', 'x'.repeat(16), 'a\0b', 1]) throws(set('device', value), RangeError)
  })

  test(
    'options by number have numbers that are, and bytes for a value',
    async (t) => {
      const reactor = t.reactor()
      using socket = reactor.socket('inet')
      for (const bad of [-1, 1.5, Number.NaN, 2 ** 31, '6', undefined]) {
        throws(() => socket.setRawOption(bad as number, 1, 1), TypeError)
        throws(() => socket.setRawOption(6, bad as number, 1), TypeError)
        throws(() => socket.getRawOption(bad as number, 1, 4), TypeError)
        const rawOptions = [{ level: 6, option: bad as number, value: 1 }]
        throws(() => reactor.connect('tcp://127.0.0.1:1', { rawOptions }), TypeError)
      }
      for (const value of ['1', null, {}, new Uint16Array(1), detached()]) {
        throws(() => socket.setRawOption(6, 1, value as Uint8Array), TypeError)
      }
      for (const length of [0, -1, 1.5, Number.NaN, '4', 2 ** 20]) {
        throws(() => socket.getRawOption(6, 1, length as number), RangeError)
      }
    },
    { capability: 'kernelSockets' },
  )

  test('a descriptor is a number that one may have', async (t) => {
    const reactor = t.reactor()
    for (const bad of [-1, 1.5, Number.NaN, 2 ** 31, '3', null, undefined, {}]) {
      throws(() => reactor.adopt(bad as number), RangeError)
      throws(() => reactor.adoptSocket(bad as number), RangeError)
    }
  })

  test(
    'a zone names an interface, by name or number, and no other one is made up',
    async (t) => {
      const reactor = t.reactor()
      const { port } = addressOf(t.world.endpoint('echo', 'tcp6')) as { port: number }
      const hosts = ['::1', 'fe80::1', 'ff02::1', '::ffff:127.0.0.1']
      const schemes = reactor.capabilities.sockets.inet6.includes('dgram')
        ? ['tcp', 'udp']
        : ['tcp']
      for (const zone of ['nosuch', '0', '999999', '4294967297', 'LO', '1.0']) {
        for (const host of hosts) {
          for (const scheme of schemes) {
            const uri = `${scheme}://[${host}%${zone}]:${port}`
            const { code, phase } = await connectErrorOf(reactor, uri)
            assert.deepEqual([uri, code, phase], [uri, 'EINVAL', 'local'])
          }
        }
      }
      const localAddress = '::1%nosuch'
      const { code } = await connectErrorOf(reactor, `tcp://[::1]:${port}`, { localAddress })
      assert.equal(code, 'EINVAL')
    },
    { transport: 'tcp6', realNetwork: true },
  )
}

function throws(call: () => unknown, error: Thrown, what = ''): void {
  const { name } = caught(call)
  assert.equal(name, error.name, `${what}: ${name}`)
}

function caught(call: () => unknown): Error & { code?: string } {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  assert.fail('it was to throw')
}

/** Bytes whose memory is somebody else's by now. */
function detached(): Uint8Array {
  const bytes = new Uint8Array(4)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  return bytes
}
