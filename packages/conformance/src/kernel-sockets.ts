/** Conformance of what reaches through to the kernel: bind, options, TCP_INFO, the connect that waits, descriptors. */

import assert from 'node:assert/strict'
import { closeSync } from 'node:fs'
import {
  type AddressFamily,
  appliesTo,
  ConnectError,
  Interest,
  SOCKET_OPTIONS,
  type Socket,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketType,
} from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { addressOf, type Define, rejection } from './trial.js'

/** Of asm-generic/socket.h. */
const SOL_SOCKET = 1
const SO_TYPE = 3
const SO_KEEPALIVE = 9
const NO_OPTION = 9_999
const WAIT_MS = 60

const unsupported = (error: unknown): boolean =>
  error instanceof ConnectError && error.code === 'ERR_UNSUPPORTED'

export function defineKernelSocketTests(test: Define): void {
  const kernel = { capability: 'kernelSockets' } as const

  test(
    'bind(): the connect comes from there; a second bind, or a second socket there, is refused',
    async (t) => {
      const reactor = t.reactor()
      const socket = reactor.socket('inet')
      const at = { family: 'inet', address: '127.0.0.1', port: 0 } as const
      assert.equal(socket.bind(at), 'OK')
      const local = socket.localAddress
      assert.ok(local?.family === 'inet' && local.port > 0, JSON.stringify(local))
      assert.equal(socket.bind(at), 'EINVAL')
      const other = reactor.socket('inet')
      assert.equal(other.bind(local), 'EADDRINUSE')
      assert.equal(other.bind({ family: 'inet6', address: '::1', port: 0 }), 'EAFNOSUPPORT')
      other.close()
      assert.equal(socket.connect(addressOf(t.world.endpoint('echo'))), 'EINPROGRESS')
      await firstValueFrom(reactor.readiness(socket, Interest.WRITABLE))
      assert.equal(socket.finishConnect(), 'OK')
      assert.deepEqual(socket.localAddress, local)
      socket.close('reset')
    },
    { transport: 'tcp4', capability: ['bind', 'immediateErrors'] },
  )

  test(
    'bind() of a unix socket to the empty path: autobind, unix(7)',
    async (t) => {
      const socket = t.reactor().socket('unix')
      assert.equal(socket.bind({ family: 'unix', path: '' }), 'OK')
      const local = socket.localAddress
      assert.ok(local?.family === 'unix')
      assert.match(local.path, /^\0[0-9a-f]{5}$/)
      socket.close()
    },
    { transport: 'abstract', capability: ['bind', 'immediateErrors'] },
  )

  for (const [name, value] of Object.entries(SAMPLES) as [SocketOptionName, SocketOptionValue][]) {
    test(
      `the option ${name}: set, and read back`,
      async (t) => {
        const reactor = t.reactor()
        const { socket, other } = socketsFor(name, (family, type) => reactor.socket(family, type))
        const answer = socket.setOption(name, value as never)
        // Not every kernel has it, and not everybody may.
        if (answer === 'OK') checkValue(name, value, socket.getOption(name))
        else assert.ok(['ENOPROTOOPT', 'EPERM'].includes(answer), answer)
        socket.close()
        if (other === undefined) return
        assert.equal(other.setOption(name, value as never), 'ENOPROTOOPT')
        assert.throws(() => other.getOption(name), { code: 'ENOPROTOOPT', phase: 'local' })
        other.close()
      },
      { option: name, ...kernel },
    )
  }

  test('an option that is none, or a value that is none, is thrown at once', async (t) => {
    const socket = t.reactor().socket('inet')
    assert.throws(() => socket.setOption('noDelay', 1 as never), TypeError)
    assert.throws(() => socket.setOption('keepAliveProbes', 0), RangeError)
    for (const name of ['nodelay', 'toString']) {
      assert.throws(() => socket.setOption(name as 'noDelay', true), TypeError)
      assert.throws(() => socket.getOption(name as 'noDelay'), TypeError)
    }
    socket.close()
  })

  test(
    'options by number: set and read; ENOPROTOOPT for what is none',
    async (t) => {
      const socket = t.reactor().socket('inet')
      const readInt = (option: number): number | undefined =>
        new Uint32Array(Uint8Array.from(socket.getRawOption(SOL_SOCKET, option, 4)).buffer)[0]
      assert.equal(readInt(SO_TYPE), 1)
      assert.equal(socket.setRawOption(SOL_SOCKET, SO_KEEPALIVE, 1), 'OK')
      assert.deepEqual([readInt(SO_KEEPALIVE), socket.getOption('keepAlive')], [1, true])
      assert.equal(socket.setRawOption(SOL_SOCKET, SO_KEEPALIVE, new Uint8Array(4)), 'OK')
      assert.equal(socket.getOption('keepAlive'), false)
      assert.equal(socket.setRawOption(SOL_SOCKET, SO_KEEPALIVE, new Uint8Array(1)), 'EINVAL')
      assert.equal(socket.setRawOption(SOL_SOCKET, NO_OPTION, 1), 'ENOPROTOOPT')
      assert.throws(() => socket.getRawOption(SOL_SOCKET, NO_OPTION, 4), { code: 'ENOPROTOOPT' })
      assert.throws(() => socket.getRawOption(SOL_SOCKET, SO_TYPE, 0), RangeError)
      assert.throws(() => socket.setRawOption(1.5, SO_TYPE, 0), TypeError)
      assert.throws(() => socket.setRawOption(SOL_SOCKET, SO_TYPE, 2 ** 32), RangeError)
      socket.close()
      assert.throws(() => socket.getRawOption(SOL_SOCKET, SO_TYPE, 4), { code: 'EBADF' })
    },
    kernel,
  )

  test(
    'tcpInfo(): the state all along, and what was sent',
    async (t) => {
      const reactor = t.reactor()
      const socket = reactor.socket('inet')
      assert.equal(socket.tcpInfo().state, 'CLOSE')
      assert.equal(socket.connect(addressOf(t.world.endpoint('silent'))), 'EINPROGRESS')
      assert.equal(socket.tcpInfo().state, 'SYN_SENT')
      socket.close()
      assert.throws(() => socket.tcpInfo(), { code: 'EBADF' })

      const connection = await firstValueFrom(reactor.connect(t.world.endpoint('echo')))
      await connection.send('hello')
      await connection.chunks().next()
      const info = connection.tcpInfo()
      assert.equal(info.state, 'ESTABLISHED')
      assert.ok(info.rttMs > 0 && info.rttMs < 10_000, `${info.rttMs} ms`)
      assert.ok(info.sendMss > 0 && info.pathMtu > info.sendMss)
      assert.deepEqual([info.bytesReceived, info.bytesSent ?? 5], [5, 5])
      assert.deepEqual([info.retransmits, info.unacked, info.lost], [0, 0, 0])
      connection.reset()
      assert.throws(() => connection.tcpInfo(), { code: 'ERR_CONNECTION_CLOSED' })
    },
    { transport: 'tcp4', ...kernel },
  )

  test(
    'tcpInfo() of what is no TCP socket: ERR_UNSUPPORTED',
    async (t) => {
      const reactor = t.reactor()
      const socket = reactor.socket('unix')
      assert.throws(() => socket.tcpInfo(), unsupported)
      socket.close()
      const connection = await firstValueFrom(reactor.connect(t.world.endpoint('echo', 'unix')))
      assert.throws(() => connection.tcpInfo(), unsupported)
      await connection.close()
    },
    { transport: 'unix', ...kernel },
  )

  for (const transport of ['tcp4', 'tcp6', 'unix'] as const) {
    test(
      `connectSync() over ${transport}: connected, or refused, when it returns; non-blocking again`,
      async (t) => {
        const reactor = t.reactor()
        const to = addressOf(t.world.endpoint('echo', transport))
        const socket = reactor.socket(to.family)
        assert.equal(socket.connectSync(to), 'OK')
        assert.equal(socket.connectSync(to), 'EISCONN')
        assert.deepEqual(socket.peerAddress, to)
        assert.equal(socket.receive(new Uint8Array(9)), 'EAGAIN')
        socket.close()
        const refused = reactor.socket(to.family)
        const nobody = addressOf(t.world.endpoint('refused', transport))
        assert.equal(refused.connectSync(nobody), 'ECONNREFUSED')
        refused.close()
      },
      { transport, ...kernel },
    )
  }

  test(
    'connectSync(): when the time is over the connect goes on; S4 and S9',
    async (t) => {
      const socket = t.reactor().socket('inet')
      const to = addressOf(t.world.endpoint('silent'))
      const before = performance.now()
      assert.equal(socket.connectSync(to, { timeoutMs: WAIT_MS }), 'EINPROGRESS')
      const waited = performance.now() - before
      // The kernel counts in ticks of up to 10 ms, and may be one short.
      assert.ok(waited >= WAIT_MS - 10, `${waited} ms`)
      assert.equal(socket.connect(to), 'EALREADY')
      assert.equal(socket.finishConnect(), 'EINPROGRESS')
      assert.throws(() => socket.connectSync(to, { timeoutMs: 0 }), RangeError)
      socket.close('reset')
    },
    { transport: 'tcp4', ...kernel },
  )

  test(
    'detach() and adoptSocket(): a descriptor goes out and comes back, in the middle of a connect',
    async (t) => {
      const reactor = t.reactor()
      const socket = reactor.socket('inet')
      assert.equal(socket.connect(addressOf(t.world.endpoint('echo'))), 'EINPROGRESS')
      const waiting = rejection(firstValueFrom(reactor.readiness(socket, Interest.READABLE)))
      const descriptor = socket.detach()
      assert.ok(socket.closed)
      assert.equal(((await waiting) as ConnectError).code, 'EBADF')
      assert.throws(() => socket.detach(), { code: 'EBADF' })
      const { open, registrations } = reactor.stats()
      assert.deepEqual([open, registrations], [0, 0])

      const adopted = reactor.adoptSocket(descriptor)
      assert.deepEqual([adopted.family, adopted.type], ['inet', 'stream'])
      await firstValueFrom(reactor.readiness(adopted, Interest.WRITABLE))
      assert.equal(adopted.finishConnect(), 'OK')
      closeSync(adopted.detach())
    },
    { transport: 'tcp4', ...kernel },
  )

  test(
    'adoptSocket() of what is none leaves it as it was',
    async (t) => {
      const reactor = t.reactor()
      assert.throws(() => reactor.adoptSocket(1_000_000), { code: 'EBADF', phase: 'local' })
      assert.throws(() => reactor.adoptSocket(-1), RangeError)
      assert.equal(reactor.stats().open, 0)
    },
    kernel,
  )

  test('what the backend has no means for is ERR_UNSUPPORTED, and named', async (t) => {
    const reactor = t.reactor()
    const { capabilities } = reactor
    const socket = reactor.socket('inet')
    const to = addressOf(t.world.endpoint('echo'))
    if (!capabilities.bind) assert.throws(() => socket.bind(to), unsupported)
    for (const [name, value] of Object.entries(SAMPLES) as [SocketOptionName, never][]) {
      if (capabilities.options.includes(name)) continue
      assert.throws(() => socket.setOption(name, value), unsupported)
      assert.throws(() => socket.setOption(name, value), new RegExp(name))
    }
    const calls: readonly ((socket: Socket) => unknown)[] = [
      (socket) => socket.connectSync(to),
      (socket) => socket.tcpInfo(),
      (socket) => socket.getOption('keepAlive'),
      (socket) => socket.getRawOption(SOL_SOCKET, SO_KEEPALIVE, 4),
      (socket) => socket.setRawOption(SOL_SOCKET, SO_KEEPALIVE, 1),
      (socket) => socket.detach(),
      () => reactor.adoptSocket(1_000_000),
    ]
    for (const call of capabilities.kernelSockets ? [] : calls) {
      assert.throws(() => call(socket), unsupported)
    }
    assert.equal(socket.closed, false)
    socket.close()
  })
}

/** A value for each that is not its default. */
const SAMPLES: { readonly [Name in SocketOptionName]: SocketOptionValue } = {
  noDelay: true,
  keepAlive: true,
  keepAliveIdleSeconds: 33,
  keepAliveIntervalSeconds: 11,
  keepAliveProbes: 4,
  userTimeoutMs: 1_234,
  synRetries: 2,
  fastOpen: true,
  typeOfService: 0x28,
  hopLimit: 7,
  sendBufferBytes: 20_000,
  receiveBufferBytes: 30_000,
  lingerSeconds: 3,
  broadcast: true,
  ipv6Only: true,
  reuseAddress: true,
  bindAddressNoPort: true,
  localPortRange: [40_000, 40_100],
  device: 'lo',
  mark: 7,
}

/** A socket that has the option, and one that has not. */
function socketsFor(name: SocketOptionName, open: (...of: OpenArguments) => Socket) {
  const { families, types } = SOCKET_OPTIONS[name]
  const family = families[0] ?? 'inet'
  const socket = open(family, types[0] ?? 'stream')
  const without = KINDS.find(([family, type]) => !appliesTo(name, { family, type }))
  // Buffer sizes are everybody's: there is none without.
  return { socket, other: without ? open(...without) : undefined }
}

type OpenArguments = readonly [family: AddressFamily, type: SocketType]

const KINDS: readonly OpenArguments[] = [
  ['inet', 'dgram'],
  ['inet', 'stream'],
  ['unix', 'stream'],
]

/** The kernel doubles buffer sizes: socket(7). */
function checkValue(name: SocketOptionName, set: SocketOptionValue, got: unknown): void {
  const isSize = name === 'sendBufferBytes' || name === 'receiveBufferBytes'
  if (isSize) assert.equal(got, 2 * Number(set))
  else assert.deepEqual(got, set)
}
