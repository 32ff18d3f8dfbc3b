/** node:http2 against nginx. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { nginx } from '@pollout/test-servers'
import { describe, expect, onTestFinished } from 'vitest'
import { http2Connection } from '../src/http2.js'
import { authorityOf, type Scene, sha256, withServer } from './setups.js'

function open(scene: Scene): ClientHttp2Session {
  const { reactor, server } = scene
  const session = connect(`https://127.0.0.1:${server.port}`, {
    ca: authorityOf(scene),
    createConnection: http2Connection(reactor),
  })
  onTestFinished(() => session.destroy())
  return session
}

const GONE = expect.objectContaining({ code: 'ECONNREFUSED', syscall: 'connect' })

describe('node:http2', () => {
  withServer(nginx({ tls: true }), (test) => {
    test('a hundred requests at once on one connection', async (scene) => {
      const session = open(scene)
      const texts = Array.from({ length: 100 }, (_, i) =>
        text(session.request({ ':path': '/echo', 'x-test': String(i) })),
      )
      expect(await Promise.all(texts)).toEqual(texts.map((_, i) => `GET HTTP/2.0 ${i}`))
      expect(scene.reactor.stats()).toMatchObject({ connected: 1, open: 1 })
      expect(session.alpnProtocol).toBe('h2')
      session.close()
      await once(session, 'close')
    })

    test('a file arrives whole, beside a stream that is given up', async (scene) => {
      const session = open(scene)
      const controller = new AbortController()
      const slow = session.request({ ':path': '/slow' }, { signal: controller.signal })
      const file = buffer(session.request({ ':path': '/file' }))
      await once(slow, 'data')
      const failed = once(slow, 'error')
      controller.abort()
      expect(await failed).toMatchObject([{ code: 'ABORT_ERR' }])
      const wanted = readFileSync(join(scene.server.directory, 'file'))
      expect(await sha256([await file])).toBe(await sha256([wanted]))
      session.close()
      await once(session, 'close')
    })

    test('the server goes and comes back', async (scene) => {
      const first = open(scene)
      first.on('error', () => {})
      await once(first, 'connect')
      const ended = new Promise((resolve) => first.once('close', resolve))
      await scene.server.down()
      await ended
      const second = open(scene)
      const [error]: unknown[] = await new Promise((resolve) =>
        second.once('error', (...told) => resolve(told)),
      )
      expect(error).toEqual(GONE)
      await scene.server.up()
      const third = open(scene)
      expect(await text(third.request({ ':path': '/echo' }))).toBe('GET HTTP/2.0 ')
      third.close()
      await once(third, 'close')
    })
  })
})
