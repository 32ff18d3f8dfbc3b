/** 100 MB with a checksum, through the clients that carry large bodies. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import https from 'node:https'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Agent, request } from 'undici'
import { describe, expect } from 'vitest'
import { httpAgent, httpsAgent } from '../src/http.js'
import { http2Connection } from '../src/http2.js'
import { redisConnector } from '../src/ioredis.js'
import { pgStream } from '../src/pg.js'
import { undiciConnector } from '../src/undici.js'
import { nginx, postgresql, redis } from './plans.js'
import { type Scene, sha256, withServer } from './setups.js'

const BYTES = 100 * 1000 * 1000

const fileOf = ({ server }: Scene) => sha256([readFileSync(join(server.directory, 'file'))])
const certificateOf = ({ server }: Scene) => readFileSync(join(server.directory, 'server.crt'))

describe('100 MB from nginx', () => {
  withServer(nginx({ fileBytes: BYTES }), (test) => {
    test('node:http', async (scene) => {
      const agent = httpAgent(scene.reactor)
      const get = http.get(`http://127.0.0.1:${scene.server.port}/file`, { agent })
      const [response] = (await once(get, 'response')) as [IncomingMessage]
      expect(await sha256(response)).toBe(await fileOf(scene))
    })

    test('undici', async (scene) => {
      const dispatcher = new Agent({ connect: undiciConnector(scene.reactor) })
      const url = `http://127.0.0.1:${scene.server.port}/file`
      const { body } = await request(url, { dispatcher })
      expect(await sha256(body)).toBe(await fileOf(scene))
      await dispatcher.close()
    })
  })
})

describe('100 MB from nginx in TLS', () => {
  withServer(nginx({ tls: true, fileBytes: BYTES }), (test) => {
    test('node:https', async (scene) => {
      const agent = httpsAgent(scene.reactor, { ca: certificateOf(scene) })
      const get = https.get(`https://127.0.0.1:${scene.server.port}/file`, { agent })
      const [response] = (await once(get, 'response')) as [IncomingMessage]
      expect(await sha256(response)).toBe(await fileOf(scene))
    })

    test('node:http2', async (scene) => {
      const session = connect(`https://127.0.0.1:${scene.server.port}`, {
        ca: certificateOf(scene),
        createConnection: http2Connection(scene.reactor),
      })
      expect(await sha256(session.request({ ':path': '/file' }))).toBe(await fileOf(scene))
      session.close()
      await once(session, 'close')
    })
  })
})

describe('100 MB there and back', () => {
  withServer(redis, (test) => {
    test('ioredis', async ({ reactor, server }) => {
      const Connector = redisConnector(reactor)
      const client = new Redis({ host: '127.0.0.1', port: server.port, Connector })
      const data = randomBytes(BYTES)
      await client.set('large', data)
      expect((await client.getBuffer('large'))?.equals(data)).toBe(true)
      await client.del('large')
      await client.quit()
    })
  })
})

describe('100 MB there and back, in a hundred rows', () => {
  withServer(postgresql, (test) => {
    test('pg', async ({ reactor, server }) => {
      const stream = pgStream(reactor, `tcp://127.0.0.1:${server.port}`)
      const client = new pg.Client({ user: 'postgres', database: 'postgres', stream })
      await client.connect()
      await client.query('create temporary table parts (n int, data bytea)')
      const sent = createHash('sha256')
      for (let n = 0; n < 100; n++) {
        const data = randomBytes(BYTES / 100)
        sent.update(data)
        await client.query('insert into parts values ($1, $2)', [n, data])
      }
      const { rows } = await client.query('select data from parts order by n')
      expect(await sha256(rows.map(({ data }) => data))).toBe(sent.digest('hex'))
      await client.end()
    })
  })
})
