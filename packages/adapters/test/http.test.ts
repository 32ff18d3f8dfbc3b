/** The http and https agents against nginx. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { nginx } from '@pollout/test-servers'
import { describe, expect, onTestFinished } from 'vitest'
import { httpAgent, httpsAgent } from '../src/http.js'
import { authorityOf, type Scene, sha256, withServer } from './setups.js'

const IDLE = fileURLToPath(new URL('fixtures/idle.mjs', import.meta.url))

interface Answer {
  readonly status: number | undefined
  readonly body: Buffer
  readonly reused: boolean
  readonly socket: unknown
  readonly resumed: boolean | undefined
}

async function get(url: string, options: https.RequestOptions): Promise<Answer> {
  const request = (url.startsWith('https:') ? https : http).get(url, options)
  const [response]: [http.IncomingMessage] = (await once(request, 'response')) as never
  const { socket } = response
  const resumed = (socket as Partial<TLSSocket>).isSessionReused?.()
  const body = await buffer(response)
  return { status: response.statusCode, body, reused: request.reusedSocket, socket, resumed }
}

for (const scheme of ['http', 'https'] as const) {
  describe(`the agent of node:${scheme}`, () => {
    withServer(nginx({ tls: scheme === 'https' }), (test) => {
      const scene = (given: Scene) => {
        const { reactor, server } = given
        const ca = scheme === 'https' ? authorityOf(given) : ''
        const make = scheme === 'https' ? httpsAgent : httpAgent
        const agent = make(reactor, { keepAlive: true, ...(ca && { ca }) })
        onTestFinished(() => agent.destroy())
        return { agent, at: (path: string) => `${scheme}://127.0.0.1:${server.port}${path}` }
      }

      test('many requests share a few connections, which the agent keeps', async (given) => {
        const { agent, at } = scene(given)
        agent.maxSockets = 4
        const all = Array.from({ length: 100 }, (_, i) =>
          get(at('/echo'), { agent, headers: { 'x-test': String(i) } }),
        )
        const texts = (await Promise.all(all)).map(({ body }) => body.toString())
        expect(texts).toEqual(texts.map((_, i) => `GET HTTP/1.1 ${i}`))
        expect(given.reactor.stats()).toMatchObject({ connected: 4, open: 4 })
        const { reused, socket } = await get(at('/echo'), { agent })
        expect(reused).toBe(true)
        expect(socket).toMatchObject({
          remoteAddress: '127.0.0.1',
          remotePort: given.server.port,
          localFamily: 'IPv4',
        })
        agent.destroy()
      })

      test('a file arrives whole', async (given) => {
        const { agent, at } = scene(given)
        const { body } = await get(at('/file'), { agent })
        const file = readFileSync(join(given.server.directory, 'file'))
        expect(await sha256([body])).toBe(await sha256([file]))
        agent.destroy()
      })

      test('given up in the middle: the socket is closed, and the agent goes on', async (given) => {
        const { agent, at } = scene(given)
        const controller = new AbortController()
        const request = (scheme === 'https' ? https : http).get(at('/slow'), {
          agent,
          signal: controller.signal,
        })
        const [response]: [http.IncomingMessage] = (await once(request, 'response')) as never
        await once(response, 'data')
        const failed = once(response, 'error')
        controller.abort()
        await failed
        await expect.poll(() => given.reactor.stats().open).toBe(0)
        expect((await get(at('/echo'), { agent })).status).toBe(200)
        agent.destroy()
      })

      test('the server goes and comes back: refused in between, with the errno', async (given) => {
        const { agent, at } = scene(given)
        await get(at('/echo'), { agent })
        await given.server.down()
        // The kept connection's end is noticed without a request.
        await expect.poll(() => agent.freeSockets).toEqual({})
        await expect(get(at('/echo'), { agent })).rejects.toMatchObject({
          code: 'ECONNREFUSED',
          syscall: 'connect',
          port: given.server.port,
        })
        await given.server.up()
        expect((await get(at('/echo'), { agent })).status).toBe(200)
        agent.destroy()
      })

      if (scheme === 'https') {
        test('an idle connection does not keep the process alive', async ({ reactor, server }) => {
          const { backend } = reactor.stats()
          const ca = join(server.directory, 'server.crt')
          const given = [IDLE, backend, String(server.port), ca]
          const { stdout } = await promisify(execFile)(process.execPath, given)
          expect(stdout).toBe('open: 1')
        })

        test('sessions are resumed; a certificate nobody vouches for is refused', async (given) => {
          const { agent, at } = scene(given)
          const first = await get(at('/echo'), { agent, headers: { connection: 'close' } })
          const second = await get(at('/echo'), { agent, headers: { connection: 'close' } })
          expect([first.resumed, second.resumed]).toEqual([false, true])
          const stranger = httpsAgent(given.reactor)
          await expect(get(at('/echo'), { agent: stranger })).rejects.toMatchObject({
            code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
          })
          agent.destroy()
        })
      }
    })
  })
}
