/**
 * Conformance of TLS: what a handshake leads to, and that users of a connection inside of it need not care.
 *
 * One file, as its rows share their servers and certificates.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpsServer, request } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket, connect as tlsConnect } from 'node:tls'
import { type TlsConnection, tlsSessionCache } from '@pollout/core'
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs'
import { certificates } from './certificates.js'
import { echo as echoThrough, FACES } from './faces.js'
import { turns } from './raw-backend.js'
import {
  below,
  echo,
  listening,
  type Peer,
  plainPeer,
  reactorOf,
  secured,
  tlsPeer,
} from './tls-peers.js'
import { bytes, MEBIBYTE, sha1 } from './transfer-tools.js'
import type { Define } from './trial.js'

const needs = { certificates: true, transport: 'tcp4' } as const

export function defineTlsTests(test: Define): void {
  test(
    'a name: asked for by SNI, found in the certificate; and both sides talk',
    async (t) => {
      let asked: unknown
      const peer = await tlsPeer((socket) => {
        asked = (socket as { servername?: unknown }).servername
        echo(socket)
      })
      const reactor = reactorOf(t)
      const connection = await secured(reactor, peer)
      const { tls } = connection
      assert.deepEqual(
        [tls.protocol, tls.authorized, tls.authorizationError, tls.sessionReused, tls.servername],
        ['TLSv1.3', true, undefined, false, 'peer.test'],
      )
      assert.equal(tls.alpnProtocol, undefined)
      assert.match(tls.cipher.name, /^TLS_/)
      assert.equal(tls.peerCertificate?.subject.CN, 'peer.test')
      assert.deepEqual(connection.endpoint, { scheme: 'tls', host: 'peer.test', port: peer.port })
      assert.equal(connection.peerAddress.family, 'inet')
      assert.ok(connection.localAddress)
      await connection.send('over TLS')
      assert.equal(String((await connection.chunks().next()).value), 'over TLS')
      assert.equal(asked, 'peer.test')
      assert.equal(reactor.stats().open, 1)
      await connection.close()
      assert.equal(reactor.stats().open, 0)
      assert.equal(tls.peerCertificate?.subject.CN, 'peer.test')
      await peer.close()
    },
    needs,
  )

  test(
    'an address: no SNI, and the certificate has to be for it',
    async (t) => {
      let asked: unknown
      const peer = await tlsPeer((socket) => {
        asked = (socket as { servername?: unknown }).servername
        socket.end('hello')
      })
      const { ca } = certificates()
      const endpoint = `tls://127.0.0.1:${peer.port}`
      const connection = await firstValueFrom(reactorOf(t).connect(endpoint, { tls: { ca } }))
      assert.equal(await textOf(connection as TlsConnection), 'hello')
      assert.equal(asked, false)
      await connection.close()
      await peer.close()
    },
    needs,
  )

  test(
    'nobody reads: nothing is armed, and what comes waits',
    async (t) => {
      const peer = await tlsPeer((socket) => void socket.write('waits'))
      const reactor = reactorOf(t)
      const connection = await secured(reactor, peer)
      await turns(50)
      assert.equal(reactor.stats().registrations, 0)
      assert.equal(String((await connection.chunks().next()).value), 'waits')
      await turns(50)
      assert.equal(reactor.stats().registrations, 0)
      await connection.close()
      await peer.close()
    },
    needs,
  )

  test(
    'ALPN: the first of the server’s that is offered',
    async (t) => {
      const peer = await tlsPeer(echo, { ALPNProtocols: ['h2', 'http/1.1'] })
      const reactor = reactorOf(t)
      for (const [offered, chosen] of [
        [['http/1.1', 'h2'], 'h2'],
        [['http/1.1'], 'http/1.1'],
        [[], undefined],
      ] as const) {
        const connection = await secured(reactor, peer, { tls: { alpnProtocols: offered } })
        assert.equal(connection.tls.alpnProtocol, chosen)
        connection.reset()
      }
      await peer.close()
    },
    needs,
  )

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(
      `a session of ${version} is resumed by the same reactor, with the same options only`,
      async (t) => {
        const peer = await tlsPeer((socket) => void socket.end('hello'), { maxVersion: version })
        const reactor = reactorOf(t)
        const reused = async (tls = {}, from = reactor): Promise<boolean> => {
          const connection = await secured(from, peer, { tls })
          assert.equal(connection.tls.protocol, version)
          assert.equal(await textOf(connection), 'hello')
          await connection.close()
          return connection.tls.sessionReused
        }
        assert.equal(await reused(), false)
        assert.equal(await reused(), true)
        assert.equal(await reused({ sessions: false }), false)
        assert.equal(await reused({ rejectUnauthorized: false }), false)
        assert.equal(await reused({}, reactorOf(t)), false)
        const sessions = tlsSessionCache()
        assert.equal(await reused({ sessions }), false)
        assert.equal(await reused({ sessions }, reactorOf(t)), true)
        await peer.close()
      },
      needs,
    )
  }

  test(
    'a certificate of this side, where the server wants one',
    async (t) => {
      const { ca, good } = certificates()
      const peer = await tlsPeer(
        (socket) => socket.end(String(socket.getPeerCertificate().subject?.CN)),
        { requestCert: true, ca },
      )
      const connection = await secured(reactorOf(t), peer, { tls: good })
      assert.equal(await textOf(connection), 'peer.test')
      await connection.close()
      await peer.close()
    },
    needs,
  )

  for (const name of ['iterator', 'Web streams', 'Duplex'] as const) {
    test(
      `${name}: 10 MiB of random chunks come back intact, and a reader that stalls fills no memory`,
      async (t) => {
        const peer = await tlsPeer(echo, { allowHalfOpen: true } as object)
        const connection = await secured(reactorOf(t), peer)
        const face = FACES[name](connection)
        const held = await echoThrough(face, {
          bytes: 10 * MEBIBYTE,
          seed: 7,
          rests: true,
          stalls: true,
        })
        assert.ok(held <= MEBIBYTE, `${held} bytes were held`)
        await peer.close()
        for (let i = 0; i < 100 && !connection.closed; i++) await turns(1)
        assert.ok(connection.closed)
      },
      { ...needs, timeoutMs: 60_000 },
    )
  }

  test(
    'both sides have ended while some of the data is still unread: it is not lost',
    async (t) => {
      const data = bytes(72 * 1024)
      let told: () => void = () => {}
      const sent = new Promise<void>((resolve) => {
        told = resolve
      })
      const peer = await tlsPeer(
        (socket) => socket.resume().on('end', () => socket.end(data, told)),
        { allowHalfOpen: true } as object,
      )
      const connection = await secured(reactorOf(t), peer)
      await connection.end()
      await sent
      const got: Buffer[] = []
      // The end comes in while the reader pauses between what one read takes, 64 KiB, and the rest.
      for await (const chunk of connection) {
        got.push(chunk)
        await turns(1)
      }
      assert.equal(sha1(Buffer.concat(got)), sha1(data))
      await connection.close()
      await peer.close()
    },
    needs,
  )

  test(
    'observable; and this side ends first, the peer goes on',
    async (t) => {
      const peer = await tlsPeer(
        (socket) => {
          const chunks: Buffer[] = []
          socket.on('data', (chunk) => chunks.push(chunk))
          socket.on('end', () => socket.end(sha1(Buffer.concat(chunks))))
        },
        { allowHalfOpen: true } as object,
      )
      const connection = await secured(reactorOf(t), peer)
      const received = lastValueFrom(connection.received.pipe(toArray()))
      const data = bytes(3 * MEBIBYTE)
      const sending = [connection.send(data.subarray(0, 5)), connection.send(data.subarray(5))]
      await connection.end()
      await Promise.all(sending)
      assert.equal(Buffer.concat(await received).toString(), sha1(data))
      await connection.close()
      await peer.close()
    },
    needs,
  )

  test(
    'close() at once behind a send: the peer gets all of it, and a proper end',
    async (t) => {
      let told: (outcome: unknown) => void = () => {}
      const outcome = new Promise((resolve) => {
        told = resolve
      })
      const peer = await tlsPeer((socket) => {
        let count = 0
        // A slow reader: what is on its way must not be cut off by a reset.
        setTimeout(() => {
          socket.on('data', (chunk) => {
            count += chunk.length
          })
        }, 50)
        socket.on('end', () => told({ count, end: 'proper' }))
        socket.on('error', ({ code }: NodeJS.ErrnoException) => told({ count, end: code }))
      })
      const connection = await secured(reactorOf(t), peer)
      const sending = connection.send(bytes(MEBIBYTE))
      await connection.close()
      await sending
      assert.deepEqual(await outcome, { count: MEBIBYTE, end: 'proper' })
      await peer.close()
    },
    needs,
  )

  test(
    'upgradeToTls(): STARTTLS, with what is still to be sent going out in the clear before',
    async (t) => {
      const heard: string[] = []
      const peer = await plainPeer((socket) => starttls(socket, heard))
      const reactor = reactorOf(t)
      const plain = await firstValueFrom(reactor.connect(`tcp://peer.test:${peer.port}`))
      const chunks = plain.chunks()
      assert.equal(String((await chunks.next()).value), '220 ready\n')
      const large = plain.send(`NOOP ${'x'.repeat(300_000)}\nSTARTTLS\n`)
      assert.equal(String((await chunks.next()).value), '220 go ahead\n')
      await chunks.return()
      const { ca } = certificates()
      const connection = await plain.upgradeToTls({ ca })
      await large
      assert.ok(plain.closed)
      await assert.rejects(plain.send('late'), { code: 'ERR_CONNECTION_CLOSED' })
      assert.equal(connection.tls.servername, 'peer.test')
      assert.deepEqual(connection.endpoint, plain.endpoint)
      const inside = connection.chunks()
      assert.equal(String((await inside.next()).value), 'inside')
      await connection.send('secret')
      assert.equal(String((await inside.next()).value), 'secret')
      assert.deepEqual(heard, ['NOOP 300000', 'STARTTLS'])
      assert.equal(reactor.stats().open, 1)
      await connection.close()
      await peer.close()
    },
    needs,
  )

  test(
    'duplex() of a TLS endpoint: what node:https does with it',
    async (t) => {
      const peer = await httpsPeer()
      const reactor = reactorOf(t)
      const events: string[] = []
      const duplex = reactor.duplex(`tls://peer.test:${peer.port}`, {
        tls: { ca: certificates().ca },
      })
      for (const event of ['connect', 'ready', 'secureConnect'])
        duplex.on(event, () => events.push(event))
      const sent = request({
        host: 'peer.test',
        createConnection: () => duplex as never,
      })
      sent.end()
      const [response] = await once(sent, 'response')
      let body = ''
      for await (const chunk of response) body += chunk
      assert.equal(body, 'over https')
      assert.deepEqual(events, ['connect', 'ready', 'secureConnect'])
      assert.deepEqual(
        [duplex.encrypted, duplex.authorized, duplex.getProtocol()],
        [true, true, 'TLSv1.3'],
      )
      duplex.destroy()
      await peer.close()
    },
    needs,
  )

  test(
    'somebody else’s TLS over a Duplex that is not connected yet',
    async (t) => {
      const peer = await tlsPeer(echo)
      const socket = reactorOf(t).duplex(`tcp://peer.test:${peer.port}`)
      const own = tlsConnect({ socket, servername: 'peer.test', ca: certificates().ca })
      own.write('over a Duplex')
      const [chunk] = await once(own, 'data')
      assert.equal(String(chunk), 'over a Duplex')
      const closed = once(socket, 'close')
      own.destroy()
      await closed
      await peer.close()
    },
    needs,
  )

  test(
    'somebody else’s TLS over a Duplex: a peer that goes without a farewell is an end, and no error',
    async (t) => {
      const peer = await plainPeer((socket) => {
        const inside = new TLSSocket(below(socket), { isServer: true, ...certificates().good })
        inside.on('error', () => {})
        inside.on('data', (chunk) => inside.write(chunk, () => socket.end()))
      })
      const socket = reactorOf(t).duplex(`tcp://peer.test:${peer.port}`)
      const own = tlsConnect({ socket, servername: 'peer.test', ca: certificates().ca })
      const told: string[] = []
      own.on('data', (chunk) => told.push(String(chunk)))
      for (const event of ['end', 'error', 'close']) own.on(event, () => told.push(event))
      own.write('last words')
      await once(own, 'close')
      assert.deepEqual(told, ['last words', 'end', 'close'])
      await peer.close()
    },
    needs,
  )

  test(
    'a connection in TLS has the socket’s options, and no descriptor to give away',
    async (t) => {
      const peer = await tlsPeer(echo)
      const connection = await secured(reactorOf(t), peer)
      connection.setOption('noDelay', true)
      assert.throws(() => connection.detach(), { code: 'ERR_UNSUPPORTED' })
      assert.throws(() => connection.toNetSocket(), { code: 'ERR_UNSUPPORTED' })
      await connection.send('still here')
      assert.equal(String((await connection.chunks().next()).value), 'still here')
      await connection.close()
      await peer.close()
    },
    needs,
  )
}

async function textOf(connection: TlsConnection): Promise<string> {
  let text = ''
  for await (const chunk of connection) text += chunk
  return text
}

/** A line protocol in the clear, until it is asked for more. */
function starttls(socket: Socket, heard: string[]): void {
  socket.write('220 ready\n')
  let text = ''
  const onData = (chunk: Buffer): void => {
    text += chunk
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      heard.push(line.length > 100 ? `NOOP ${line.length - 5}` : line)
      if (line !== 'STARTTLS') continue
      socket.off('data', onData)
      socket.write('220 go ahead\n')
      const inside = new TLSSocket(socket, { isServer: true, ...certificates().good })
      inside.on('error', () => {})
      inside.write('inside')
      inside.pipe(inside)
    }
  }
  socket.on('data', onData)
}

function httpsPeer(): Promise<Peer> {
  const { good } = certificates()
  return listening(createHttpsServer(good, (_request, response) => response.end('over https')))
}
