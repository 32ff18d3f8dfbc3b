/** undici against nginx. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nginx } from '@pollout/test-servers'
import { Agent, fetch, request } from 'undici'
import { describe, expect, onTestFinished } from 'vitest'
import { undiciConnector } from '../src/undici.js'
import { authorityOf, type Scene, sha256, withServer } from './setups.js'

for (const scheme of ['http', 'https', 'http2'] as const) {
  describe(`undici, ${scheme}`, () => {
    const isSecure = scheme !== 'http'
    withServer(nginx({ tls: isSecure }), (test) => {
      const open = (scene: Scene, connections = 4) => {
        const { reactor, server } = scene
        const allowH2 = scheme === 'http2'
        const ca = isSecure ? authorityOf(scene).toString() : undefined
        const connect = undiciConnector(reactor, { allowH2, ...(ca && { ca }) })
        const dispatcher = new Agent({ allowH2, connections, connect })
        onTestFinished(() => dispatcher.destroy().catch(() => {}))
        const origin = `${isSecure ? 'https' : 'http'}://127.0.0.1:${server.port}`
        return { dispatcher, at: (path: string) => origin + path }
      }
      const protocol = scheme === 'http2' ? 'HTTP/2.0' : 'HTTP/1.1'

      test('fetch(): many requests, few connections', async (scene) => {
        const { dispatcher, at } = open(scene)
        const texts = Array.from({ length: 50 }, async (_, i) => {
          const headers = { 'x-test': String(i) }
          return (await fetch(at('/echo'), { dispatcher, headers })).text()
        })
        expect(await Promise.all(texts)).toEqual(texts.map((_, i) => `GET ${protocol} ${i}`))
        expect(scene.reactor.stats().connected).toBeLessThanOrEqual(4)
        await dispatcher.close()
      })

      test('a file arrives whole', async (scene) => {
        const { dispatcher, at } = open(scene)
        const { body } = await request(at('/file'), { dispatcher })
        const file = readFileSync(join(scene.server.directory, 'file'))
        expect(await sha256(body)).toBe(await sha256([file]))
        await dispatcher.close()
      })

      test('given up in the middle', async (scene) => {
        const { dispatcher, at } = open(scene)
        const controller = new AbortController()
        const { body } = await request(at('/slow'), { dispatcher, signal: controller.signal })
        const reading = body.text()
        controller.abort()
        await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
        expect(await (await fetch(at('/echo'), { dispatcher })).text()).toBe(`GET ${protocol} `)
        await dispatcher.destroy()
      })

      test('the server goes and comes back: refused in between, with the errno', async (scene) => {
        const { dispatcher, at } = open(scene, 1)
        await (await request(at('/echo'), { dispatcher })).body.dump()
        const gone = once(dispatcher, 'disconnect')
        await scene.server.down()
        await gone
        await expect(request(at('/echo'), { dispatcher })).rejects.toMatchObject({
          code: 'ECONNREFUSED',
          port: scene.server.port,
        })
        await scene.server.up()
        const { body } = await request(at('/echo'), { dispatcher })
        expect(await body.text()).toBe(`GET ${protocol} `)
        await dispatcher.close()
      })
    })
  })
}
