/** ws against its own server: there is none among Debian's packages. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { Reactor } from '@pollout/core'
import { describe, expect, onTestFinished } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { webSocketConnection } from '../src/ws.js'
import { listen, onEachBackend, withCertificate } from './setups.js'

for (const scheme of ['ws', 'wss'] as const) {
  describe(`ws, ${scheme}:`, () => {
    const material = withCertificate()

    /** Sends back what it is sent. */
    const serve = async (at?: number) => {
      const server = scheme === 'ws' ? createHttp() : createHttps(material())
      const sockets = new WebSocketServer({ server })
      sockets.on('connection', (peer) => {
        peer.on('error', () => {})
        peer.on('message', (data, binary) => peer.send(data, { binary }))
      })
      const listening = await listen(server, at)
      return {
        port: listening.port,
        sockets,
        [Symbol.asyncDispose]: async () => {
          for (const peer of sockets.clients) peer.terminate()
          await listening[Symbol.asyncDispose]()
        },
      }
    }
    const open = (reactor: Reactor, port: number): WebSocket => {
      const client = new WebSocket(`${scheme}://127.0.0.1:${port}/`, {
        createConnection: webSocketConnection(reactor),
        ...(scheme === 'wss' && { ca: material().cert }),
      })
      onTestFinished(() => client.terminate())
      return client
    }

    onEachBackend('messages there and back, a large one too, and a close', async (reactor) => {
      await using server = await serve()
      const client = open(reactor, server.port)
      await once(client, 'open')
      client.send('hello')
      expect(String((await once(client, 'message'))[0])).toBe('hello')
      const data = randomBytes(20 * 1024 * 1024)
      client.send(data)
      expect(data.equals((await once(client, 'message'))[0])).toBe(true)
      client.close(1000, 'enough')
      expect((await once(client, 'close'))[0]).toBe(1000)
    })

    onEachBackend('the server goes and comes back: refused in between', async (reactor) => {
      const server = await serve()
      const first = open(reactor, server.port)
      await once(first, 'open')
      const closed = once(first, 'close')
      await server[Symbol.asyncDispose]()
      expect((await closed)[0]).toBe(1006)
      const second = open(reactor, server.port)
      await expect(once(second, 'open')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await using _again = await serve(server.port)
      const third = open(reactor, server.port)
      await once(third, 'open')
      third.close()
      await once(third, 'close')
    })

    onEachBackend('given up while it connects', async (reactor) => {
      await using server = await serve()
      const client = open(reactor, server.port)
      const failed = once(client, 'open')
      client.terminate()
      await expect(failed).rejects.toThrow('before the connection was established')
    })

    onEachBackend('given up in the middle of a message', async (reactor) => {
      await using server = await serve()
      const client = open(reactor, server.port)
      await once(client, 'open')
      const [peer] = server.sockets.clients
      const closed = once(peer ?? client, 'close')
      client.send(randomBytes(20 * 1024 * 1024))
      client.terminate()
      await once(client, 'close')
      expect((await closed)[0]).toBe(1006)
    })
  })
}
