/** tedious: its opening phase only, as there is no SQL Server to be had, against a script of what one says. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Reactor } from '@pollout/core'
import { Connection, type ConnectionOptions } from 'tedious'
import { describe, expect, onTestFinished } from 'vitest'
import { tediousConnector } from '../src/tedious.js'
import { listen, onEachBackend, withCertificate } from './setups.js'
import {
  ENCRYPT,
  LOGIN7,
  loginFailed,
  PRELOGIN,
  preloginOptions,
  preloginReply,
  TdsPeer,
} from './tds-server.js'

describe('tedious', () => {
  const material = withCertificate()

  /** `told` is what `connect()` is told: an error, or nothing. */
  function open(reactor: Reactor, port: number, options: ConnectionOptions) {
    const connection = new Connection({
      server: '127.0.0.1',
      authentication: { type: 'default', options: { userName: 'ada', password: 'secret' } },
      options: {
        port,
        connector: tediousConnector(reactor),
        serverName: 'localhost',
        cryptoCredentialsDetails: { ca: material().cert },
        ...options,
      },
    })
    onTestFinished(() => connection.close())
    const told = new Promise<Error | undefined>((resolve) => connection.connect(resolve))
    return { connection, told }
  }

  async function refuseLogin(peer: TdsPeer): Promise<void> {
    const { type, data } = await peer.message()
    expect(type).toBe(LOGIN7)
    expect(data.readUInt32LE(0)).toBe(data.length)
    const text = data.toString('utf16le')
    expect(text).toContain('ada')
    expect(text).not.toContain('secret')
    peer.answer(loginFailed("Login failed for user 'ada'."))
  }

  const REFUSED = { code: 'ELOGIN', message: "Login failed for user 'ada'." }

  onEachBackend('PRELOGIN, and a login that is refused', async (reactor) => {
    await using listening = await listen(createServer())
    const { server, port } = listening
    const { told } = open(reactor, port, { encrypt: false })
    const [socket] = (await once(server, 'connection')) as [Socket]
    const peer = new TdsPeer(socket)
    const { type, data } = await peer.message()
    expect(type).toBe(PRELOGIN)
    expect(preloginOptions(data).get(1)).toEqual(Buffer.of(ENCRYPT.notSupported))
    peer.answer(preloginReply(ENCRYPT.notSupported))
    await refuseLogin(peer)
    expect(await told).toMatchObject(REFUSED)
  })

  onEachBackend('TLS within PRELOGIN, and a login in it', async (reactor) => {
    await using listening = await listen(createServer())
    const { server, port } = listening
    const { told } = open(reactor, port, { encrypt: true })
    const [socket] = (await once(server, 'connection')) as [Socket]
    const peer = new TdsPeer(socket)
    const { data } = await peer.message()
    expect(preloginOptions(data).get(1)).toEqual(Buffer.of(ENCRYPT.on))
    peer.answer(preloginReply(ENCRYPT.on))
    await refuseLogin(await peer.upgrade(material()))
    expect(await told).toMatchObject(REFUSED)
  })

  onEachBackend('TLS from the start, by TDS 8.0', async (reactor) => {
    await using listening = await listen(
      createTlsServer({ ...material(), ALPNProtocols: ['tds/8.0'] }),
    )
    const { server, port } = listening
    const { told } = open(reactor, port, { encrypt: 'strict' })
    const [socket] = (await once(server, 'secureConnection')) as [TLSSocket]
    expect(socket.alpnProtocol).toBe('tds/8.0')
    const peer = new TdsPeer(socket)
    expect((await peer.message()).type).toBe(PRELOGIN)
    peer.answer(preloginReply(ENCRYPT.notSupported))
    await refuseLogin(peer)
    expect(await told).toMatchObject(REFUSED)
  })

  onEachBackend('given up while it connects', async (reactor) => {
    await using listening = await listen(createServer((socket) => socket.resume()))
    const place = { host: '127.0.0.1', port: listening.port }
    const controller = new AbortController()
    const connecting = tediousConnector(reactor)(place, undefined, controller.signal)
    controller.abort()
    await expect(connecting).rejects.toMatchObject({ name: 'AbortError' })
  })

  onEachBackend('given up while it waits for an answer', async (reactor) => {
    await using listening = await listen(createServer())
    const { server, port } = listening
    const { told } = open(reactor, port, { connectTimeout: 100 })
    const [socket] = (await once(server, 'connection')) as [Socket]
    await new TdsPeer(socket).message()
    expect(await told).toMatchObject({ code: 'ETIMEOUT' })
    await once(socket.resume(), 'close')
  })

  onEachBackend('the server goes: told; then refused, with the errno', async (reactor) => {
    await using listening = await listen(createServer())
    const { server, port } = listening
    const { told } = open(reactor, port, {})
    const [socket] = (await once(server, 'connection')) as [Socket]
    socket.destroy()
    server.close()
    expect(await told).toMatchObject({ code: 'ESOCKET' })
    const { told: refused } = open(reactor, port, {})
    expect(await refused).toMatchObject({ cause: { code: 'ECONNREFUSED', port } })
  })
})
