/** Each line to copy and paste of the README is run as it stands there: its client asks the reactor for a socket, and hears of its refusal. */
import { generateKeyPairSync } from 'node:crypto'
import { type EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { createServer } from 'node:net'
import { formatEndpoint, tcp, toEndpoint } from '@pollout/core'
import { Redis } from 'ioredis'
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs'
import { MqttClient } from 'mqtt'
import mysql, { type Pool as MysqlPool } from 'mysql2/promise'
import nodemailer, { type Transporter } from 'nodemailer'
import { Pool } from 'pg'
import postgres, { type Sql } from 'postgres'
import { Client } from 'ssh2'
import { Connection } from 'tedious'
import { Agent, fetch } from 'undici'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Dialer } from '../src/dial.js'
import { listen, onEachBackend } from './setups.js'

const ROW = /^\| (?<client>\S.*?) +\| `(?<entry>\w+)` +\| `(?<line>.+)` +\|$/gm
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const rows = [...readme.matchAll(ROW)].map(({ groups = {} }) => groups)

/** Has it connect, and puts it away when that has failed. */
type Use = (made: never) => Promise<unknown>

interface Line {
  /** What it takes for granted, besides the reactor and the adapter. */
  readonly scope: object
  /** Where it is to connect to. */
  readonly to: string
  readonly use: Use
}

/** No further attempts, and no noise about the first. */
class HastyKafka extends Kafka {
  constructor(config: KafkaConfig) {
    super({ ...config, retry: { retries: 0 }, logLevel: logLevel.NOTHING })
  }
}

const failure = async (made: EventEmitter) =>
  expect((await once(made, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' })
const [host, port, username, user] = ['127.0.0.1', 7, 'ada', 'ada']
const closed = (made: EventEmitter) => new Promise((resolve) => made.once('close', resolve))
const quiet = <E extends EventEmitter>(made: E): E => made.on('error', () => {})

const lines: Record<string, Line> = {
  '`node:http`': {
    scope: { http, url: 'http://127.0.0.1:1/' },
    to: 'tcp://127.0.0.1:1',
    use: failure,
  },
  '`node:https`': {
    scope: { https, url: 'https://127.0.0.1:2/' },
    to: 'tcp://127.0.0.1:2',
    use: failure,
  },
  '`node:http2`': {
    scope: { http2, url: 'https://127.0.0.1:3/' },
    to: 'tcp://127.0.0.1:3',
    use: failure,
  },
  'undici, `fetch`': {
    scope: { fetch, Agent, url: 'http://127.0.0.1:4/' },
    to: 'tcp://127.0.0.1:4',
    use: async (made: Promise<unknown>) => expect(made).rejects.toThrow('fetch failed'),
  },
  ws: { scope: { WebSocket, url: 'ws://127.0.0.1:5/' }, to: 'tcp://127.0.0.1:5', use: failure },
  ioredis: {
    scope: { Redis, host, port },
    to: 'tcp://127.0.0.1:7',
    use: async (made: Redis) => {
      await closed(quiet(made))
      made.disconnect()
    },
  },
  pg: {
    scope: { Pool, user, database: 'db' },
    to: 'tcp://127.0.0.1:5432',
    use: async (made: Pool) => {
      await expect(quiet(made).query('select 1')).rejects.toThrow()
      await made.end()
    },
  },
  'postgres.js': {
    scope: { postgres },
    to: 'tcp://127.0.0.1:5432',
    use: async (made: Sql) => {
      await expect(made`select 1`.execute()).rejects.toThrow()
      await made.end()
    },
  },
  mysql2: {
    scope: { mysql, host, user },
    to: 'tcp://127.0.0.1:3306',
    use: async (made: MysqlPool) => {
      await expect(made.query('select 1')).rejects.toThrow()
      await made.end()
    },
  },
  ssh2: {
    scope: {
      get client() {
        return quiet(new Client())
      },
      username,
      // Not by ssh2, which can't read one in 270 of the Ed25519 keys that it makes.
      privateKey: generateKeyPairSync('ec', {
        namedCurve: 'prime256v1',
        privateKeyEncoding: { type: 'sec1', format: 'pem' },
        publicKeyEncoding: { type: 'spki', format: 'pem' },
      }).privateKey,
    },
    to: 'tcp://127.0.0.1:22',
    use: (made: Client) => closed(made),
  },
  'MQTT.js': {
    scope: { MqttClient, host, port },
    to: 'tcp://127.0.0.1:7',
    use: async (made: MqttClient) => {
      await closed(quiet(made as unknown as EventEmitter))
      await made.endAsync(true)
    },
  },
  Nodemailer: {
    scope: { nodemailer, host, port },
    to: 'tcp://127.0.0.1:7',
    use: (made: Transporter) => expect(made.verify()).rejects.toThrow(),
  },
  KafkaJS: {
    scope: { Kafka: HastyKafka },
    to: 'tcp://127.0.0.1:9092',
    use: async (made: Kafka) => {
      const admin = made.admin()
      await expect(admin.connect()).rejects.toThrow()
      await admin.disconnect()
    },
  },
  tedious: {
    scope: { Connection, server: host },
    to: 'tcp://127.0.0.1:1433',
    use: (made: Connection) =>
      expect(
        new Promise((_, reject) => made.connect((error) => reject(error ?? 'connected'))),
      ).rejects.toThrow(),
  },
}

describe('the README', () => {
  it('has a line for each client', () => {
    expect(rows.map(({ client }) => client)).toEqual(Object.keys(lines))
  })

  for (const { client = '', entry = '', line = '' } of rows) {
    onEachBackend(line, async (reactor) => {
      const { scope, to, use } = lines[client] as Line
      const nobody = await listen(createServer())
      await nobody[Symbol.asyncDispose]()
      const asked: string[] = []
      const dialer: Dialer = {
        duplex: (endpoint, options) => {
          asked.push(formatEndpoint(toEndpoint(endpoint)))
          return reactor.duplex(tcp(host, nobody.port), options)
        },
      }
      const adapter: object = await import(`../src/${entry}.ts`)
      const names = { ...adapter, ...scope, reactor: dialer }
      const made: unknown = new Function(...Object.keys(names), `return ${line}`)(
        ...Object.values(names),
      )
      await use(made as never)
      expect(asked).toEqual([to])
    })
  }
})
