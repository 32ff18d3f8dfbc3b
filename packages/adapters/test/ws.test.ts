/** ws against its own server: there is none among Debian's packages. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { webSocketConnection } from '../src/ws.js'
import { makeCertificate } from './plans.js'
import { onEachBackend } from './setups.js'

for (const scheme of ['ws', 'wss'] as const) {
  describe(`ws, ${scheme}:`, () => {
    let directory = ''
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'pollout-ws-'))
      makeCertificate(directory)
    })
    afterAll(() => rmSync(directory, { recursive: true }))

    /** Sends back what it is sent. */
    const serve = async () => {
      const read = (file: string): Buffer => readFileSync(join(directory, file))
      const material = () => ({ key: read('server.key'), cert: read('server.crt') })
      const server = scheme === 'ws' ? createHttp() : createHttps(material())
      const sockets = new WebSocketServer({ server })
      sockets.on('connection', (peer) => {
        peer.on('error', () => {})
        peer.on('message', (data, binary) => peer.send(data, { binary }))
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : 0
      return {
        url: `${scheme}://127.0.0.1:${port}/`,
        sockets,
        stop: async () => {
          for (const peer of sockets.clients) peer.terminate()
          server.close()
          await once(server, 'close')
        },
      }
    }
    const tls = () => (scheme === 'wss' ? { ca: readFileSync(join(directory, 'server.crt')) } : {})

    onEachBackend('messages there and back, a large one too, and a close', async (reactor) => {
      const server = await serve()
      const client = new WebSocket(server.url, {
        createConnection: webSocketConnection(reactor),
        ...tls(),
      })
      await once(client, 'open')
      client.send('hello')
      expect(String((await once(client, 'message'))[0])).toBe('hello')
      const data = randomBytes(20 * 1024 * 1024)
      client.send(data)
      expect(data.equals((await once(client, 'message'))[0])).toBe(true)
      client.close(1000, 'enough')
      expect((await once(client, 'close'))[0]).toBe(1000)
      await server.stop()
    })

    onEachBackend('the server goes: told; then refused, with the errno', async (reactor) => {
      const server = await serve()
      const open = () =>
        new WebSocket(server.url, { createConnection: webSocketConnection(reactor), ...tls() })
      const client = open()
      onTestFinished(() => client.terminate())
      await once(client, 'open')
      const closed = once(client, 'close')
      await server.stop()
      expect((await closed)[0]).toBe(1006)
      await expect(once(open(), 'open')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    })

    onEachBackend('given up while it connects', async (reactor) => {
      const server = await serve()
      const client = new WebSocket(server.url, {
        createConnection: webSocketConnection(reactor),
        ...tls(),
      })
      const failed = once(client, 'open')
      client.terminate()
      await expect(failed).rejects.toThrow('before the connection was established')
      await server.stop()
    })
  })
}
