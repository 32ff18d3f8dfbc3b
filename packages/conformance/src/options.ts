/** Conformance of the options of `connect()` and `connectMany()`: by name, by number, and those that can't be meant. */

import assert from 'node:assert/strict'
import {
  type AddressFamily,
  appliesTo,
  type ConnectError,
  type Connection,
  type ConnectOptions,
  type Endpoint,
  lacksOption,
  type Reactor,
  SOCKET_OPTION_NAMES,
  type SocketOptionName,
  type SocketOptionValue,
  type SocketSpec,
  specFault,
} from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { connectErrorOf, type Define } from './trial.js'
import { specOf, type Transport } from './world.js'

/** A value for each option that any user may set; `mark` needs CAP_NET_ADMIN. */
const VALUES: Readonly<Record<SocketOptionName, SocketOptionValue>> = {
  noDelay: true,
  keepAlive: true,
  keepAliveIdleSeconds: 60,
  keepAliveIntervalSeconds: 10,
  keepAliveProbes: 3,
  userTimeoutMs: 5_000,
  synRetries: 2,
  fastOpen: true,
  typeOfService: 8 << 2,
  hopLimit: 60,
  sendBufferBytes: 65_536,
  receiveBufferBytes: 65_536,
  lingerSeconds: 0,
  broadcast: true,
  ipv6Only: true,
  reuseAddress: true,
  bindAddressNoPort: true,
  localPortRange: [40_000, 50_000],
  device: 'lo',
  mark: 1,
}

export function defineOptionTests(test: Define): void {
  for (const name of SOCKET_OPTION_NAMES) {
    test(`${name}: accepted by connect() and connectMany(), or ERR_UNSUPPORTED`, async (t) => {
      const reactor = t.reactor()
      const accepted: Transport[] = []
      for (const transport of TRANSPORTS_WITH_OPTIONS) {
        const spec = specOf(transport)
        if (!appliesTo(name, spec) || t.world.lacks(transport)) continue
        if (specFault(reactor.capabilities, spec) !== 0) continue
        const answer = await tryOption(reactor, t.world.endpoint('echo', transport), name)
        // A backend may have an option for streams or for datagrams only.
        const isLacking = lacksOption(reactor.capabilities, spec, name)
        if (isLacking) assert.equal(answer, 'ERR_UNSUPPORTED')
        else if (answer === 'accepted') accepted.push(transport)
        // It needs a privilege.
        else assert.deepEqual([name, answer], ['mark', 'EPERM'])
      }
      if (reactor.capabilities.options.includes(name) && name !== 'mark') {
        assert.notDeepEqual(accepted, [], 'it is accepted somewhere')
      }
    })
  }

  test('every option on every kind of socket is set, or refused as the capabilities say', async (t) => {
    const reactor = t.reactor()
    const { capabilities } = reactor
    for (const [family, types] of Object.entries(capabilities.sockets)) {
      for (const type of types) {
        const spec = { family: family as AddressFamily, type }
        for (const name of SOCKET_OPTION_NAMES) {
          const answer = answerOf(reactor, spec, name)
          if (answer === 'no such socket') continue
          const what = `${name} of ${family} ${type}: ${answer}`
          if (lacksOption(capabilities, spec, name)) assert.equal(answer, 'ERR_UNSUPPORTED', what)
          else if (!appliesTo(name, spec)) assert.equal(answer, 'ENOPROTOOPT', what)
          else if (name === 'mark') assert.match(answer, /^(OK|EPERM)$/, what)
          else assert.match(answer, /^OK$/, what)
        }
      }
    }
  })

  test('rawOptions: set by number, or ERR_UNSUPPORTED without kernelSockets', async (t) => {
    const reactor = t.reactor()
    const endpoint = t.world.endpoint('echo')
    // SO_KEEPALIVE of Linux: asm-generic/socket.h.
    const options = { rawOptions: [{ level: 1, option: 9, value: 1 }] }
    if (!reactor.capabilities.kernelSockets) {
      const error = await connectErrorOf(reactor, endpoint, options)
      assert.equal(error.code, 'ERR_UNSUPPORTED')
      assert.match(error.message, /rawOptions/)
      return
    }
    const connection = await firstValueFrom(reactor.connect(endpoint, options))
    assert.equal(connection.getOption('keepAlive'), true)
    connection.reset()
    const unknown = { rawOptions: [{ level: 1, option: 9_999, value: 1 }] }
    const error = await connectErrorOf(reactor, endpoint, unknown)
    assert.deepEqual(
      [error.code, error.syscall, error.phase],
      ['ENOPROTOOPT', 'setsockopt', 'local'],
    )
  })

  test('values that can not be meant are thrown at once', async (t) => {
    const reactor = t.reactor()
    const endpoint = t.world.endpoint('echo')
    for (const options of [
      { noDelay: 'yes' },
      { synRetries: 1_000 },
      { localAddress: 'localhost' },
      { localPort: 70_000 },
      { nodelay: true },
    ]) {
      const given = options as unknown as ConnectOptions
      assert.throws(() => reactor.connect(endpoint, given), /must be|is no address|no option/)
      assert.throws(() => reactor.connectMany([endpoint], given), /must be|is no address|no option/)
    }
  })
}

const TRANSPORTS_WITH_OPTIONS = ['tcp4', 'tcp6', 'udp4', 'udp6'] as const

/** What a fresh socket says; some kernels have no vsock. */
function answerOf(reactor: Reactor, { family, type }: SocketSpec, name: SocketOptionName): string {
  try {
    using socket = reactor.socket(family, type)
    return socket.setOption(name, VALUES[name] as never)
  } catch (error) {
    const { syscall, code } = error as ConnectError
    return syscall === 'socket' && family === 'vsock' ? 'no such socket' : code
  }
}

/** `accepted`, or the code of the failure, which is the same for connect() and connectMany(). */
async function tryOption(
  reactor: Reactor,
  endpoint: Endpoint,
  name: SocketOptionName,
): Promise<string> {
  const options = { [name]: VALUES[name] }
  const many = reactor.connectMany([endpoint], { ...options, onConnected: 'keep' })
  const outcome = await firstValueFrom(many)
  if (outcome.kind !== 'connected') {
    const error = await connectErrorOf(reactor, endpoint, options)
    assert.deepEqual([error.code, error.phase, error.localFault], [outcome.code, 'local', true])
    assert.ok(error.message.includes(name), error.message)
    return error.code
  }
  const connection = await firstValueFrom(reactor.connect(endpoint, options))
  await connection.send('hello')
  assert.equal(String((await connection.chunks().next()).value), 'hello')
  for (const each of [connection, outcome.connection]) {
    if (reactor.capabilities.kernelSockets) assertIsSet(each, name)
    each.reset()
  }
  return 'accepted'
}

/** What the kernel says it is; buffer sizes it doubles, and a fast open's flag is spent by the connect. */
function assertIsSet(connection: Connection, name: SocketOptionName): void {
  const value = connection.getOption(name)
  const wanted = VALUES[name]
  if (name.endsWith('BufferBytes')) assert.equal(value, Number(wanted) * 2)
  else if (name !== 'fastOpen') assert.deepEqual(value, wanted)
}
