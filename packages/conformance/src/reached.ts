/** Conformance of what a connect says that it has reached: the address that answered, whatever text was asked for. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import {
  type Endpoint,
  formatEndpoint,
  type InetAddress,
  parseEndpoint,
  type Reactor,
} from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { addressOf, type Define } from './trial.js'

/** By the transport of the peer that is meant. What the kernel makes of it is ip(7)'s and ipv6(7)'s. */
const ROWS = [
  ['tcp4', '0.0.0.0', '127.0.0.1'],
  ['tcp6', '::', '::1'],
  ['tcp6', '0:0:0:0:0:0:0:0', '::1'],
  ['tcp6', '0:0:0:0:0:0:0:1', '::1'],
  ['tcp6', '0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
  ['tcp6', '0::0:1', '::1'],
  ['tcp6', '::0.0.0.1', '::1'],
  ['tcp6', '::1%lo', '::1'],
  ['tcp4', '::FFFF:7F00:1', '::ffff:127.0.0.1'],
  ['tcp4', '0:0:0:0:0:ffff:127.0.0.1', '::ffff:127.0.0.1'],
  ['tcp4', '::ffff:0.0.0.0', '::ffff:127.0.0.1'],
  ['udp4', '0.0.0.0', '127.0.0.1'],
  ['udp6', '::', '::1'],
  ['udp6', '0:0::1', '::1'],
  ['udp6', '::1%lo', '::1'],
] as const

export function defineReachedTests(test: Define): void {
  for (const [transport, host, reached] of ROWS) {
    test(
      `${host} over ${transport} is told as ${reached}`,
      async (t) => {
        const reactor = t.reactor()
        const { port } = addressOf(t.world.endpoint('echo', transport)) as InetAddress
        const family = reached.includes(':') ? 'inet6' : 'inet'
        const expected = { family, address: reached, port }
        const scheme = transport.startsWith('udp') ? 'udp' : 'tcp'
        const endpoint: Endpoint = { scheme, host, port }
        for (const told of await addressesTold(reactor, endpoint)) {
          assert.deepEqual(told, expected)
        }
      },
      { transport, realNetwork: true },
    )
  }

  test(
    '0.0.0.0 from an address of its own is told as that one',
    async (t) => {
      const reactor = t.reactor()
      await using server = await listening('0.0.0.0')
      const uri = `tcp://0.0.0.0:${server.port}`
      const options = { localAddress: '127.0.0.2' }
      const connection = await firstValueFrom(reactor.connect(uri, options))
      assert.equal((connection.peerAddress as InetAddress).address, '127.0.0.2')
      connection.reset()
      const outcome = await firstValueFrom(reactor.connectMany([uri], options))
      assert.ok(outcome.kind === 'connected')
      assert.equal((outcome.address as InetAddress).address, '127.0.0.2')
    },
    { transport: 'tcp4', realNetwork: true, capability: 'bind' },
  )

  test('a literal in its own form is told as it was written, and the endpoint always is', async (t) => {
    const reactor = t.reactor()
    for (const transport of ['tcp4', 'tcp6', 'unix'] as const) {
      if (t.world.lacks(transport)) continue
      const endpoint = t.world.endpoint('echo', transport)
      for (const told of await addressesTold(reactor, endpoint)) {
        assert.deepEqual(told, addressOf(endpoint))
      }
    }
  })
}

/** By every face, each connection reset again; what was asked for stands in the endpoint as it was written. */
async function addressesTold(reactor: Reactor, endpoint: Endpoint): Promise<unknown[]> {
  const told: unknown[] = []
  const connection = await firstValueFrom(reactor.connect(endpoint))
  told.push(connection.peerAddress)
  assert.deepEqual(connection.endpoint, endpoint)
  connection.reset()
  const uri = await firstValueFrom(reactor.connect(formatEndpoint(endpoint)))
  told.push(uri.peerAddress)
  assert.deepEqual(uri.endpoint, parseEndpoint(formatEndpoint(endpoint)))
  if (uri.type === 'stream' && endpoint.scheme === 'tcp') {
    const duplex = uri.toDuplex().on('error', () => {})
    const { remoteAddress, remotePort, remoteFamily } = duplex
    const family = remoteFamily === 'IPv6' ? 'inet6' : 'inet'
    told.push({ family, address: remoteAddress, port: remotePort })
    duplex.destroy()
  } else uri.reset()
  for (const onConnected of ['reset', 'close', 'keep'] as const) {
    const outcome = await firstValueFrom(reactor.connectMany([endpoint], { onConnected }))
    assert.ok(outcome.kind === 'connected')
    told.push(outcome.address)
    if (outcome.connection === undefined) continue
    told.push(outcome.connection.peerAddress)
    assert.deepEqual(outcome.connection.endpoint, endpoint)
    outcome.connection.reset()
  }
  return told
}

async function listening(host: string) {
  const server: Server = createServer((socket) => socket.on('error', () => {}).destroy())
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}
