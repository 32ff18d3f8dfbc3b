/** mysql2 against MariaDB. */
import { createHash, randomBytes } from 'node:crypto'
import { mariadb } from '@pollout/test-servers'
import mysql from 'mysql2/promise'
import { describe, expect, onTestFinished } from 'vitest'
import { mysqlStream } from '../src/mysql2.js'
import { authorityOf, type Scene, withServer } from './setups.js'

function open({ reactor, server }: Scene, options: mysql.PoolOptions = {}) {
  const pool = mysql.createPool({
    host: '127.0.0.1',
    port: server.port,
    user: 'root',
    connectionLimit: 4,
    stream: mysqlStream(reactor),
    ...options,
  })
  onTestFinished(() => pool.end().catch(() => {}))
  return pool
}

function trusting(scene: Scene): mysql.PoolOptions {
  return { ssl: { ca: authorityOf(scene).toString(), verifyIdentity: true } }
}

describe('mysql2', () => {
  withServer(mariadb, (test) => {
    test('queries in a pool', async (scene) => {
      const pool = open(scene)
      const all = Array.from({ length: 100 }, (_, i) => pool.query(`select ${i} as n`))
      const rows = (await Promise.all(all)).map(([row]) => row)
      expect(rows).toEqual(rows.map((_, n) => [{ n }]))
      expect(scene.reactor.stats()).toMatchObject({ connected: 4, open: 4 })
      await pool.end()
    })

    test('TLS on the same stream: 20 MB there and back, their checksum by the server', async (scene) => {
      const pool = open(scene, trusting(scene))
      const [cipher] = await pool.query<mysql.RowDataPacket[]>(`show status like 'Ssl_cipher'`)
      expect(cipher[0]?.['Value']).toMatch(/^TLS_|AES/)
      const data = randomBytes(20 * 1024 * 1024)
      const [rows] = await pool.query<mysql.RowDataPacket[]>(
        `select x'${data.toString('hex')}' as data, sha2(x'${data.toString('hex')}', 256) as sum`,
      )
      expect(rows[0]?.['sum']).toBe(createHash('sha256').update(data).digest('hex'))
      expect(data.equals(rows[0]?.['data'])).toBe(true)
      await pool.end()
    })

    test('a certificate that nobody vouches for is refused', async (scene) => {
      const pool = open(scene, { ssl: {} })
      await expect(pool.query('select 1')).rejects.toMatchObject({
        code: 'HANDSHAKE_SSL_ERROR',
        message: 'self-signed certificate',
      })
      await pool.end()
    })

    test('a query is cancelled; the connection goes on', async (scene) => {
      const pool = open(scene)
      const busy = await pool.getConnection()
      const sleeping = busy.query('select sleep(60) as killed')
      const told = expect(sleeping).rejects.toMatchObject({ code: 'ER_QUERY_INTERRUPTED' })
      const isRunning = `select 1 from information_schema.processlist where id = ${busy.threadId} and info is not null`
      await expect.poll(async () => (await pool.query(isRunning))[0]).toHaveLength(1)
      await pool.query(`kill query ${busy.threadId}`)
      await told
      expect((await busy.query('select 1 as one'))[0]).toEqual([{ one: 1 }])
      busy.release()
      await pool.end()
    })

    for (const isSecure of [false, true]) {
      const name = `the server goes and comes back: a pool goes on${isSecure ? ', in TLS' : ''}`
      test(name, async (scene) => {
        const pool = open(scene, isSecure ? trusting(scene) : {})
        await pool.query('select 1')
        const waiting = pool.query('select sleep(60)')
        const told = expect(waiting).rejects.toThrow(/ECONNRESET|EPIPE|closed the connection/)
        await scene.server.down()
        await told
        await expect.poll(() => scene.reactor.stats().open).toBe(0)
        await expect(pool.query('select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
        await scene.server.up()
        expect((await pool.query('select 2 as two'))[0]).toEqual([{ two: 2 }])
        await pool.end()
      })
    }
  })
})
