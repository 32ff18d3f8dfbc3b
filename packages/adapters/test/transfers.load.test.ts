/** 100 MB with a checksum, through the clients that carry large bodies. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import http, { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import https from 'node:https'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  mailServer,
  mariadb,
  mosquitto,
  nginx,
  postgresql,
  redis,
  sshd,
} from '@pollout/test-servers'
import { Redis } from 'ioredis'
import { MqttClient } from 'mqtt'
import mysql from 'mysql2/promise'
import { createTransport } from 'nodemailer'
import pg from 'pg'
import postgres from 'postgres'
import { Client, type ClientChannel } from 'ssh2'
import { Agent, request } from 'undici'
import { describe, expect } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { httpAgent, httpsAgent } from '../src/http.js'
import { http2Connection } from '../src/http2.js'
import { redisConnector } from '../src/ioredis.js'
import { mqttStream } from '../src/mqtt.js'
import { mysqlStream } from '../src/mysql2.js'
import { smtpSocket } from '../src/nodemailer.js'
import { pgStream } from '../src/pg.js'
import { postgresSocket } from '../src/postgres.js'
import { sshSocket } from '../src/ssh2.js'
import { undiciConnector } from '../src/undici.js'
import { webSocketConnection } from '../src/ws.js'
import { authorityOf, listen, onEachBackend, type Scene, sha256, withServer } from './setups.js'

const BYTES = 100 * 1000 * 1000

const fileOf = ({ server }: Scene) => sha256([readFileSync(join(server.directory, 'file'))])

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
      const agent = httpsAgent(scene.reactor, { ca: authorityOf(scene) })
      const get = https.get(`https://127.0.0.1:${scene.server.port}/file`, { agent })
      const [response] = (await once(get, 'response')) as [IncomingMessage]
      expect(await sha256(response)).toBe(await fileOf(scene))
    })

    test('node:http2', async (scene) => {
      const session = connect(`https://127.0.0.1:${scene.server.port}`, {
        ca: authorityOf(scene),
        createConnection: http2Connection(scene.reactor),
      })
      expect(await sha256(session.request({ ':path': '/file' }))).toBe(await fileOf(scene))
      session.close()
      await once(session, 'close')
    })
  })
})

describe('100 MB there and back, in one message', () => {
  const data = randomBytes(BYTES)

  withServer(redis(), (test) => {
    test('ioredis', async ({ reactor, server }) => {
      const Connector = redisConnector(reactor)
      const client = new Redis({ host: '127.0.0.1', port: server.port, Connector })
      await client.set('large', data)
      expect(await client.getBuffer('large')).toSatisfy(isSame)
      await client.del('large')
      await client.quit()
    })
  })

  withServer(mosquitto(), (test) => {
    test('MQTT.js', async ({ reactor, server }) => {
      const place = { host: '127.0.0.1', port: server.port }
      const client = new MqttClient(mqttStream(reactor), place)
      await client.subscribeAsync('large')
      const message = new Promise((resolve) => client.once('message', (_, given) => resolve(given)))
      await client.publishAsync('large', data)
      expect(await message).toSatisfy(isSame)
      await client.endAsync()
    })
  })

  withServer(mariadb, (test) => {
    test('mysql2', async ({ reactor, server }) => {
      const place = { host: '127.0.0.1', port: server.port, user: 'root' }
      const client = await mysql.createConnection({ ...place, stream: mysqlStream(reactor) })
      const [rows] = await client.execute<mysql.RowDataPacket[]>('select ? as data', [data])
      expect(rows[0]?.['data']).toSatisfy(isSame)
      await client.end()
    })
  })

  onEachBackend('ws', async (reactor) => {
    const sockets = new WebSocketServer({ noServer: true })
    await using listening = await listen(createServer())
    listening.server.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (peer) =>
        peer.on('message', (message) => peer.send(message)),
      )
    })
    const createConnection = webSocketConnection(reactor)
    const client = new WebSocket(`ws://127.0.0.1:${listening.port}/`, { createConnection })
    await once(client, 'open')
    client.send(data)
    expect((await once(client, 'message'))[0]).toSatisfy(isSame)
    client.close()
    await once(client, 'close')
  })

  function isSame(given: unknown): boolean {
    return data.equals(given as Buffer)
  }
})

describe('100 MB there and back, in a hundred rows', () => {
  withServer(postgresql, (test) => {
    const parts = Array.from({ length: 100 }, () => randomBytes(BYTES / 100))
    const USER = { user: 'postgres', database: 'postgres' }

    test('pg', async ({ reactor, server }) => {
      const client = new pg.Client({ ...USER, stream: pgStream(reactor, server.endpoint) })
      await client.connect()
      await client.query('create temporary table parts (n int, data bytea)')
      for (const [n, data] of parts.entries()) {
        await client.query('insert into parts values ($1, $2)', [n, data])
      }
      const { rows } = await client.query('select data from parts order by n')
      expect(await sha256(rows.map(({ data }) => data))).toBe(await sha256(parts))
      await client.end()
    })

    test('postgres.js', async ({ reactor, server }) => {
      const place = { host: '127.0.0.1', port: server.port, max: 1 }
      const options = { ...USER, ...place, socket: postgresSocket(reactor) }
      const sql = postgres(options as object)
      await sql`create temporary table parts (n int, data bytea)`
      for (const [n, data] of parts.entries()) await sql`insert into parts values (${n}, ${data})`
      const rows = await sql`select data from parts order by n`
      expect(await sha256(rows.map(({ data }) => data))).toBe(await sha256(parts))
      await sql.end()
    })
  })
})

describe('100 MB there and back, through cat', () => {
  withServer(sshd, (test) => {
    test('ssh2', async ({ reactor, server }) => {
      const client = new Client()
      client.connect({
        sock: sshSocket(reactor, server.endpoint),
        username: userInfo().username,
        privateKey: readFileSync(join(server.directory, 'user.key')),
      })
      await once(client, 'ready')
      const data = randomBytes(BYTES)
      const run = promisify<string, ClientChannel>((command, done) => client.exec(command, done))
      const channel = await run('cat')
      channel.end(data)
      expect(await sha256(channel)).toBe(await sha256([data]))
      client.end()
      await once(client, 'close')
    })
  })
})

describe('a mail of 100 MB', () => {
  // As long as RFC 5321 section 4.5.3.1.6 allows: the server takes its time for each line.
  const LINE_BYTES = 1000

  withServer(mailServer(), (test) => {
    test('Nodemailer', async ({ reactor, server }) => {
      const transport = createTransport({
        host: '127.0.0.1',
        port: server.port,
        getSocket: smtpSocket(reactor),
      })
      const line = (): string =>
        randomBytes(LINE_BYTES)
          .toString('base64')
          .slice(0, LINE_BYTES - 2)
      const lines = Array.from({ length: BYTES / LINE_BYTES }, line)
      const raw = `Subject: Hello\r\n\r\n${lines.join('\r\n')}`
      await transport.sendMail({ envelope: { from: 'a@x.test', to: ['b@x.test'] }, raw })
      const folder = join(server.directory, 'mail/new')
      const [name = ''] = readdirSync(folder)
      const mail = readFileSync(join(folder, name), 'latin1')
      rmSync(join(folder, name))
      const received = mail
        .slice(mail.indexOf('\n\n') + 2)
        .trimEnd()
        .split('\n')
      const sum = (of: string[]) => sha256([Buffer.from(of.join())])
      expect(await sum(received)).toBe(await sum(lines))
    })
  })
})
