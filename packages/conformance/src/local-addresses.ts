/** Conformance of where connects come from: local addresses and ports, one, a range, or a pool of them. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import {
  type Connection,
  type Endpoint,
  type InetAddress,
  type PortRange,
  type Reactor,
  tcp,
} from '@pollout/core'
import { firstValueFrom, toArray } from 'rxjs'
import { turns } from './raw-backend.js'
import { connectErrorOf, type Define } from './trial.js'

/** Below the usual net.ipv4.ip_local_port_range, so that nobody else's connect takes one: ip(7). */
const PORTS: PortRange = [21_000, 21_999]

export function defineLocalAddressTests(test: Define): void {
  for (const transport of ['tcp4', 'tcp6', 'udp4'] as const) {
    const needs = { transport, capability: 'bind' } as const

    test(
      `${transport}: a local address is the connection's, with a port of the system's choice`,
      async (t) => {
        const reactor = t.reactor()
        const endpoint = t.world.endpoint('echo', transport)
        const { address } = await usualAddress(reactor, endpoint)
        const connection = await firstValueFrom(
          reactor.connect(endpoint, { localAddress: address }),
        )
        const local = localOf(connection)
        assert.equal(local.address, address)
        assert.ok(local.port > 0)
        connection.reset()
      },
      needs,
    )

    test(
      `${transport}: a local port, of a range and by itself, is the connection's`,
      async (t) => {
        const reactor = t.reactor()
        const endpoint = t.world.endpoint('echo', transport)
        const ranged = await firstValueFrom(reactor.connect(endpoint, { localPort: PORTS }))
        const { port } = localOf(ranged)
        assert.ok(port >= PORTS[0] && port <= PORTS[1], `${port} is of the range`)
        ranged.reset()
        await turns()
        const single = await firstValueFrom(reactor.connect(endpoint, { localPort: port }))
        assert.equal(localOf(single).port, port)
        single.reset()
      },
      needs,
    )

    test(
      `${transport}: a local port that is held: EADDRINUSE, local`,
      async (t) => {
        const reactor = t.reactor()
        const endpoint = t.world.endpoint('echo', transport)
        const holder = await firstValueFrom(reactor.connect(endpoint))
        const { address, port } = localOf(holder)
        const options = { localAddress: address, localPort: port }
        const error = await connectErrorOf(reactor, endpoint, options)
        assert.deepEqual(
          [error.code, error.phase, error.localFault, error.attempts.length],
          ['EADDRINUSE', 'local', true, 1],
        )
        holder.reset()
      },
      needs,
    )
  }

  test(
    'the other end sees the local address and port',
    async (t) => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const reactor = t.reactor()
      const accepted = once(server, 'connection')
      const connection = await firstValueFrom(
        reactor.connect(tcp('127.0.0.1', (server.address() as AddressInfo).port), {
          localAddress: '127.0.0.3',
          localPort: PORTS,
        }),
      )
      const [socket] = await accepted
      const { address, port } = localOf(connection)
      assert.deepEqual([socket.remoteAddress, socket.remotePort], [address, port])
      assert.equal(address, '127.0.0.3')
      const closed = once(socket.resume(), 'close')
      await connection.close()
      await closed
      server.close()
      await once(server, 'close')
    },
    { transport: 'tcp4', capability: 'bind', realNetwork: true },
  )

  test(
    'a local address of somebody else: EADDRNOTAVAIL, local; connectMany() tells it too',
    async (t) => {
      const reactor = t.reactor()
      const endpoint = t.world.endpoint('echo')
      // TEST-NET-1 of RFC 5737: nobody's.
      const options = { localAddress: '192.0.2.1' }
      const error = await connectErrorOf(reactor, endpoint, options)
      assert.deepEqual(
        [error.code, error.phase, error.localFault],
        ['EADDRNOTAVAIL', 'local', true],
      )
      const many = reactor.connectMany([endpoint], { ...options, timeoutMs: 100 })
      const [outcome] = await firstValueFrom(many.pipe(toArray()))
      assert.equal(outcome?.kind, 'local')
    },
    { transport: 'tcp4', capability: 'bind', realNetwork: true },
  )

  test(
    'the addresses of a pool are used in turn, by connect() and connectMany()',
    async (t) => {
      const reactor = t.reactor()
      const endpoint = t.world.endpoint('echo')
      const { address } = await usualAddress(reactor, endpoint)
      const localAddress = [address, t.world.deserted, '2001:db8::1']
      const twice = [address, t.world.deserted, address, t.world.deserted]
      const connecting = reactor.connect(endpoint, { localAddress })
      const connections: Connection[] = []
      for (const _ of twice) connections.push(await firstValueFrom(connecting))
      assert.deepEqual(
        connections.map((connection) => localOf(connection).address),
        twice,
      )
      const targets = twice.map(() => endpoint)
      const many = reactor.connectMany(targets, { localAddress, onConnected: 'keep' })
      const kept = await firstValueFrom(many.pipe(toArray()))
      const used = kept.map((outcome) => {
        assert.ok(outcome.kind === 'connected')
        connections.push(outcome.connection)
        return localOf(outcome.connection).address
      })
      assert.deepEqual(used.sort(), [...twice].sort())
      for (const connection of connections) connection.reset()
    },
    { transport: 'tcp4', capability: 'bind' },
  )

  test(
    'a pool without an address of the family: EAFNOSUPPORT, local, with the reason',
    async (t) => {
      const reactor = t.reactor()
      const error = await connectErrorOf(reactor, t.world.endpoint('echo'), { localAddress: '::1' })
      assert.deepEqual([error.code, error.phase, error.syscall], ['EAFNOSUPPORT', 'local', 'bind'])
      assert.match(error.message, /holds no IPv4 address/)
    },
    { transport: 'tcp4', capability: 'bind' },
  )
}

/** Where a connect comes from when nothing is said. */
async function usualAddress(reactor: Reactor, endpoint: Endpoint): Promise<InetAddress> {
  const connection = await firstValueFrom(reactor.connect(endpoint))
  const address = localOf(connection)
  connection.reset()
  return address
}

function localOf({ localAddress }: Connection): InetAddress {
  assert.ok(localAddress && 'address' in localAddress)
  return localAddress
}
