/** MQTT.js against mosquitto. */
import { randomBytes } from 'node:crypto'
import { type EventEmitter, once } from 'node:events'
import { mosquitto } from '@pollout/test-servers'
import { MqttClient } from 'mqtt'
import { describe, expect, onTestFinished } from 'vitest'
import { mqttStream } from '../src/mqtt.js'
import { authorityOf, type Scene, withServer } from './setups.js'

/** Its own types hide that it is one. */
const told = (client: MqttClient, event: string): Promise<unknown[]> =>
  once(client as unknown as EventEmitter, event)

for (const isSecure of [false, true]) {
  const open = async (scene: Scene) => {
    const client = new MqttClient(mqttStream(scene.reactor), {
      host: '127.0.0.1',
      port: scene.server.port,
      ...(isSecure && { protocol: 'mqtts', ca: authorityOf(scene) }),
      reconnectPeriod: 20,
    })
    onTestFinished(() => client.endAsync(true))
    await told(client, 'connect')
    return client
  }

  describe(`MQTT.js${isSecure ? ', in TLS' : ''}`, () => {
    withServer(mosquitto({ tls: isSecure }), (test) => {
      test('messages from one client to another, in order', async (scene) => {
        const [from, to] = await Promise.all([open(scene), open(scene)])
        await to.subscribeAsync('topic/#', { qos: 1 })
        const received: string[] = []
        to.on('message', (topic, message) => received.push(`${topic} ${message}`))
        const numbers = Array.from({ length: 200 }, (_, i) => i)
        for (const i of numbers) await from.publishAsync('topic/a', String(i), { qos: 1 })
        await expect.poll(() => received.length).toBe(200)
        expect(received).toEqual(numbers.map((i) => `topic/a ${i}`))
        await Promise.all([from.endAsync(), to.endAsync()])
      })

      test('20 MB there and back', async (scene) => {
        const client = await open(scene)
        await client.subscribeAsync('large')
        const data = randomBytes(20 * 1024 * 1024)
        const message = told(client, 'message')
        await client.publishAsync('large', data)
        expect(data.equals((await message)[1] as Buffer)).toBe(true)
        await client.endAsync()
      })

      test('the server goes and comes back: the client reconnects by itself', async (scene) => {
        const client = await open(scene)
        const refusals: unknown[] = []
        client.on('error', (error) => refusals.push(error))
        await scene.server.down()
        const refusal = expect.objectContaining({ code: 'ECONNREFUSED', port: scene.server.port })
        await expect.poll(() => refusals).toContainEqual(refusal)
        await scene.server.up()
        await expect.poll(() => client.connected).toBe(true)
        await client.publishAsync('topic', 'again', { qos: 1 })
        await client.endAsync()
      })

      test('ended by force in the middle of a large message', async (scene) => {
        const client = await open(scene)
        client.publish('large', randomBytes(20 * 1024 * 1024))
        await client.endAsync(true)
        expect(client.connected).toBe(false)
      })
    })
  })
}
