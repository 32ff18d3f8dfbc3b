/** The agents beside Node's own: the same events of their sockets, and the same wishes for them. */
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { Socket } from 'node:net'
import type { Reactor } from '@pollout/core'
import { describe, expect } from 'vitest'
import type { Dialer } from '../src/dial.js'
import { httpAgent, httpsAgent } from '../src/http.js'
import { http2Connection } from '../src/http2.js'
import { listen, onEachBackend, withCertificate } from './setups.js'

const EVENTS = [
  ...['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connect', 'ready'],
  ...['secureConnect', 'error', 'close'],
]

/** A reactor that says what its sockets were asked for. */
function watched(reactor: Reactor) {
  const asked: unknown[] = []
  const dialer: Dialer = {
    duplex(...to) {
      const duplex = reactor.duplex(...to)
      const { setNoDelay, setKeepAlive } = duplex
      return Object.assign(duplex, {
        setNoDelay(noDelay?: boolean) {
          asked.push(['setNoDelay', noDelay ?? true])
          return setNoDelay.call(duplex, noDelay)
        },
        setKeepAlive(on?: boolean, delayMs?: number) {
          asked.push(['setKeepAlive', on, delayMs])
          return setKeepAlive.call(duplex, on, delayMs)
        },
      })
    },
  }
  return { asked, dialer }
}

/** What a client that times a request sees of its socket. */
async function seen(agent: http.Agent, scheme: 'http' | 'https', options: https.RequestOptions) {
  const log: unknown[] = []
  const request = (scheme === 'https' ? https : http).request({ ...options, agent })
  request.on('socket', (socket: Socket) => {
    const { connecting, pending, readyState, timeout } = socket
    log.push([connecting, pending, readyState, timeout])
    for (const event of EVENTS) {
      socket.on(event, (...said: unknown[]) =>
        log.push([event, ...said.map(plain), socket.connecting]),
      )
    }
    socket.once('connect', () => log.push([typeof socket.remotePort, socket.remoteAddress]))
  })
  request.on('error', (error: NodeJS.ErrnoException) => log.push(['failed', error.code]))
  request.end()
  const [response] = (await Promise.race([once(request, 'response'), once(request, 'close')])) as [
    http.IncomingMessage?,
  ]
  response?.resume()
  if (!request.closed) await once(request, 'close')
  agent.destroy()
  return log
}

function plain(value: unknown): unknown {
  return value instanceof Error ? (value as NodeJS.ErrnoException).code : value
}

for (const scheme of ['http', 'https'] as const) {
  describe(`the agent of node:${scheme} beside Node's own`, () => {
    const certificate = withCertificate()
    const answer: http.RequestListener = (_request, response) => void response.end('x')
    const serve = () =>
      listen(
        scheme === 'https' ? https.createServer(certificate(), answer) : http.createServer(answer),
      )
    const make = scheme === 'https' ? httpsAgent : httpAgent
    const own = (): http.Agent => (scheme === 'https' ? new https.Agent() : new http.Agent())

    for (const host of ['127.0.0.1', 'localhost']) {
      onEachBackend(`the same events, to ${host}`, async (reactor) => {
        await using server = await serve()
        const options = { host, port: server.port, rejectUnauthorized: false, timeout: 50_000 }
        const theirs = await seen(own(), scheme, options)
        expect(await seen(make(reactor), scheme, options)).toEqual(theirs)
      })
    }

    onEachBackend('no delay by default, and keep-alive where sockets are kept', async (reactor) => {
      await using server = await serve()
      const { dialer, asked } = watched(reactor)
      const options = { host: '127.0.0.1', port: server.port, rejectUnauthorized: false }
      await seen(make(dialer), scheme, options)
      expect(asked.splice(0)).toContainEqual(['setNoDelay', true])
      await seen(make(dialer, { noDelay: false }), scheme, options)
      expect(asked.splice(0)).not.toContainEqual(['setNoDelay', true])
      await seen(make(dialer, { keepAlive: true, keepAliveMsecs: 7_000 }), scheme, options)
      expect(asked).toContainEqual(['setKeepAlive', true, 7_000])
    })

    onEachBackend("the agent's own timeout is its sockets'", async (reactor) => {
      await using server = await serve()
      const options = { host: '127.0.0.1', port: server.port, rejectUnauthorized: false }
      const [[, , , timeout]] = (await seen(
        make(reactor, { timeout: 40_000 }),
        scheme,
        options,
      )) as [unknown[]]
      expect(timeout).toBe(40_000)
    })
  })
}

describe('http2 without TLS', () => {
  onEachBackend('no delay', async (reactor) => {
    await using server = await listen(http2.createServer())
    const { dialer, asked } = watched(reactor)
    const createConnection = http2Connection(dialer)
    const session = http2.connect(`http://127.0.0.1:${server.port}`, { createConnection })
    await once(session, 'remoteSettings')
    expect(asked).toEqual([['setNoDelay', true]])
    session.close()
    await once(session, 'close')
  })
})
