/** KafkaJS: its opening phase only, as Debian has no Kafka. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Reactor } from '@pollout/core'
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs'
import { describe, expect } from 'vitest'
import { kafkaSocketFactory } from '../src/kafkajs.js'
import { listen, onEachBackend, withCertificate } from './setups.js'

/** KIP-511: the first request asks for the versions of all others. */
const API_VERSIONS = 18

function open(reactor: Reactor, port: number, options: Partial<KafkaConfig> = {}) {
  const kafka = new Kafka({
    clientId: 'pollout',
    brokers: [`127.0.0.1:${port}`],
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
    socketFactory: kafkaSocketFactory(reactor),
    ...options,
  })
  return kafka.admin()
}

async function expectFirstRequest(peer: Socket): Promise<void> {
  const [request] = (await once(peer, 'data')) as [Buffer]
  expect(request.readInt32BE(0)).toBe(request.length - 4)
  expect(request.readInt16BE(4)).toBe(API_VERSIONS)
  expect(request.toString('latin1')).toContain('pollout')
}

describe('KafkaJS', () => {
  const material = withCertificate()

  for (const isSecure of [false, true]) {
    const name = `asks for the versions${isSecure ? ', in TLS' : ''}; then, its broker gone, it is refused`
    onEachBackend(name, async (reactor) => {
      await using listening = await listen(isSecure ? createTlsServer(material()) : createServer())
      const { server, port } = listening
      const options = isSecure ? { ssl: { ca: [material().cert] } } : {}
      const first = open(reactor, port, options)
      const connected = expect(first.connect()).rejects.toThrow('Closed connection')
      const [peer] = (await once(server, isSecure ? 'secureConnection' : 'connection')) as [Socket]
      await expectFirstRequest(peer)
      server.close()
      peer.destroy()
      await connected
      await first.disconnect()
      const second = open(reactor, port, options)
      await expect(second.connect()).rejects.toThrow('ECONNREFUSED')
      await second.disconnect()
    })
  }

  onEachBackend('a certificate that nobody vouches for is refused', async (reactor) => {
    await using listening = await listen(createTlsServer(material()))
    const admin = open(reactor, listening.port, { ssl: true })
    await expect(admin.connect()).rejects.toThrow('self-signed certificate')
    await admin.disconnect()
  })

  onEachBackend('given up after its time, and disconnected', async (reactor) => {
    await using listening = await listen(createServer())
    const admin = open(reactor, listening.port, { requestTimeout: 100 })
    const connected = expect(admin.connect()).rejects.toThrow('timed out')
    const [peer] = (await once(listening.server, 'connection')) as [Socket]
    await expectFirstRequest(peer)
    await connected
    await admin.disconnect()
    await once(peer, 'close')
  })
})
