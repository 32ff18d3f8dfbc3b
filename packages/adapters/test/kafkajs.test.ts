/** KafkaJS: its opening phase only, as Debian has no Kafka. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect } from 'vitest'
import { kafkaSocketFactory } from '../src/kafkajs.js'
import { onEachBackend } from './setups.js'

/** KIP-511: the first request asks for the versions of all others. */
const API_VERSIONS = 18

describe('KafkaJS', () => {
  onEachBackend('asks for the versions; then, its broker gone, it is refused', async (reactor) => {
    const broker = createServer().listen(0, '127.0.0.1')
    await once(broker, 'listening')
    const address = broker.address()
    const port = typeof address === 'object' ? address?.port : 0
    const kafka = new Kafka({
      clientId: 'pollout',
      brokers: [`127.0.0.1:${port}`],
      retry: { retries: 0 },
      logLevel: logLevel.NOTHING,
      socketFactory: kafkaSocketFactory(reactor),
    })
    const first = kafka.admin()
    const connected = expect(first.connect()).rejects.toThrow('Closed connection')
    const [peer] = (await once(broker, 'connection')) as [Socket]
    const [request] = (await once(peer, 'data')) as [Buffer]
    expect(request.readInt32BE(0)).toBe(request.length - 4)
    expect(request.readInt16BE(4)).toBe(API_VERSIONS)
    expect(request.toString('latin1')).toContain('pollout')
    broker.close()
    peer.destroy()
    await connected
    await first.disconnect()
    const second = kafka.admin()
    await expect(second.connect()).rejects.toThrow('ECONNREFUSED')
    await second.disconnect()
  })
})
