/** pg against PostgreSQL. */
import { createHash, randomBytes } from 'node:crypto'
import { postgresql } from '@pollout/test-servers'
import pg from 'pg'
import { describe, expect, onTestFinished } from 'vitest'
import { pgStream } from '../src/pg.js'
import { authorityOf, type Scene, withServer } from './setups.js'

const USER = { user: 'postgres', database: 'postgres', host: '127.0.0.1' }

async function open(scene: Scene, options: pg.ClientConfig = {}, to = scene.server.endpoint) {
  const client = new pg.Client({ ...USER, stream: pgStream(scene.reactor, to), ...options })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

function trusting(scene: Scene): pg.ClientConfig {
  return { ssl: { ca: authorityOf(scene).toString() } }
}

describe('pg', () => {
  withServer(postgresql, (test) => {
    test('queries in a pool', async (scene) => {
      const pool = new pg.Pool({
        ...USER,
        max: 4,
        stream: pgStream(scene.reactor, scene.server.endpoint),
      })
      const all = Array.from({ length: 100 }, (_, i) => pool.query('select $1::int as n', [i]))
      const numbers = (await Promise.all(all)).map(({ rows }) => rows[0].n)
      expect(numbers).toEqual(numbers.map((_, i) => i))
      expect(scene.reactor.stats()).toMatchObject({ connected: 4, open: 4 })
      await pool.end()
    })

    test('20 MB there and back, their checksum by the server', async (scene) => {
      const client = await open(scene)
      const data = randomBytes(20 * 1024 * 1024)
      const text = `select $1::bytea as data, encode(sha256($1::bytea), 'hex') as sum`
      const { rows } = await client.query(text, [data])
      expect(rows[0].sum).toBe(createHash('sha256').update(data).digest('hex'))
      expect(data.equals(rows[0].data)).toBe(true)
      await client.end()
    })

    test('TLS, and a unix socket', async (scene) => {
      const ask = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'
      const secured = await open(scene, trusting(scene))
      expect((await secured.query(ask)).rows).toEqual([{ ssl: true }])
      const { directory, port } = scene.server
      const local = await open(scene, {}, `unix:${directory}/.s.PGSQL.${port}`)
      expect((await local.query(ask)).rows).toEqual([{ ssl: false }])
      await Promise.all([secured.end(), local.end()])
    })

    test('a query is cancelled; the connection goes on', async (scene) => {
      const [busy, other] = await Promise.all([open(scene), open(scene)])
      const { rows } = await busy.query('select pg_backend_pid() as pid')
      const sleeping = busy.query('select pg_sleep(60)')
      const told = expect(sleeping).rejects.toMatchObject({ code: '57014' })
      const running = `select pg_cancel_backend(pid) from pg_stat_activity where pid = $1 and query ~ 'sleep' and state = 'active'`
      await expect.poll(async () => (await other.query(running, [rows[0].pid])).rowCount).toBe(1)
      await told
      expect((await busy.query('select 1 as one')).rows).toEqual([{ one: 1 }])
      await Promise.all([busy.end(), other.end()])
    })

    for (const isSecure of [false, true]) {
      const name = `the server goes and comes back: a pool goes on${isSecure ? ', in TLS' : ''}`
      test(name, async (scene) => {
        const stream = pgStream(scene.reactor, scene.server.endpoint)
        const pool = new pg.Pool({ ...USER, max: 1, stream, ...(isSecure && trusting(scene)) })
        pool.on('error', () => {})
        await pool.query('select 1')
        const told = expect(pool.query('select pg_sleep(60)')).rejects.toThrow(
          /ECONNRESET|EPIPE|terminat/,
        )
        await scene.server.down()
        await told
        await expect.poll(() => pool.totalCount).toBe(0)
        await expect(pool.query('select 1')).rejects.toMatchObject({
          code: 'ECONNREFUSED',
          port: scene.server.port,
        })
        await scene.server.up()
        expect((await pool.query('select 2 as two')).rows).toEqual([{ two: 2 }])
        await pool.end()
      })
    }
  })
})
