/** postgres.js against PostgreSQL. */
import { createHash, randomBytes } from 'node:crypto'
import { postgresql } from '@pollout/test-servers'
import postgres from 'postgres'
import { describe, expect, onTestFinished } from 'vitest'
import { postgresSocket } from '../src/postgres.js'
import { authorityOf, type Scene, withServer } from './setups.js'

function open({ reactor, server }: Scene, options: object = {}) {
  const sql = postgres({
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    database: 'postgres',
    max: 4,
    onnotice: () => {},
    backoff: 0.02,
    socket: postgresSocket(reactor),
    ...options,
  } as object)
  onTestFinished(() => sql.end({ timeout: 1 }))
  return sql
}

const trusting = (scene: Scene) => ({ ssl: { ca: authorityOf(scene), host: '127.0.0.1' } })

describe('postgres.js', () => {
  withServer(postgresql, (test) => {
    test('queries', async (scene) => {
      const sql = open(scene)
      const all = Array.from({ length: 100 }, (_, i) => sql`select ${i}::int as n`)
      const numbers = (await Promise.all(all)).map(([row]) => row?.['n'])
      expect(numbers).toEqual(numbers.map((_, i) => i))
      expect(scene.reactor.stats().connected).toBeLessThanOrEqual(4)
      await sql.end()
    })

    test('20 MB there and back, their checksum by the server', async (scene) => {
      const sql = open(scene)
      const data = randomBytes(20 * 1024 * 1024)
      const [row] = await sql`select ${data}::bytea as data, encode(sha256(${data}), 'hex') as sum`
      expect(row?.['sum']).toBe(createHash('sha256').update(data).digest('hex'))
      expect(data.equals(row?.['data'])).toBe(true)
      await sql.end()
    })

    test('TLS, and a unix socket', async (scene) => {
      const secured = open(scene, trusting(scene))
      const local = open(scene, { path: `${scene.server.directory}/.s.PGSQL.${scene.server.port}` })
      for (const [sql, ssl] of [
        [secured, true],
        [local, false],
      ] as const) {
        expect([...(await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`)]).toEqual([
          { ssl },
        ])
        await sql.end()
      }
    })

    test('a query is cancelled, by the client itself', async (scene) => {
      const sql = open(scene)
      await sql`select 1`
      const sleeping = sql`select pg_sleep(60)`
      const told = expect(sleeping.execute()).rejects.toMatchObject({ code: '57014' })
      const running = () =>
        sql`select from pg_stat_activity where query ~ 'pg_sleep.60' and state = 'active' and pid <> pg_backend_pid()`
      await expect.poll(async () => (await running()).count).toBe(1)
      sleeping.cancel()
      await told
      await sql.end()
    })

    for (const isSecure of [false, true]) {
      test(`the server goes and comes back${isSecure ? ', in TLS' : ''}`, async (scene) => {
        let onclose = (): void => {}
        const noticed = new Promise<void>((resolve) => {
          onclose = resolve
        })
        const sql = open(scene, { max: 1, onclose, ...(isSecure && trusting(scene)) })
        await sql`select 1`
        const told = expect(sql`select pg_sleep(60)`.execute()).rejects.toThrow(
          /ECONNRESET|EPIPE|terminating|CONNECTION_CLOSED/,
        )
        await scene.server.down()
        await told
        // Some turns after the descriptor is given back; a query made before would fail with the old connection.
        await noticed
        await expect.poll(() => scene.reactor.stats().open).toBe(0)
        for (let i = 0; i < 3; i++) {
          await expect(sql`select 1`.execute()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
        }
        await scene.server.up()
        expect([...(await sql`select 2 as two`)]).toEqual([{ two: 2 }])
        await sql.end()
      })
    }
  })
})
