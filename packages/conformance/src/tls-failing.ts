/** Conformance of TLS that fails: what is told of it, in which phase, and that nothing is left of it. */

import assert from 'node:assert/strict'
import { ConnectError, type Endpoint, tls } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { certificates, type Identity } from './certificates.js'
import { turns } from './raw-backend.js'
import { atRest, echo, LOOPBACK, plainPeer, reactorOf, secured, tlsPeer } from './tls-peers.js'
import { type Define, rejection, type Trial } from './trial.js'

const needs = { certificates: true, transport: 'tcp4' } as const

interface Case {
  readonly what: string
  readonly code: RegExp
  readonly message: RegExp
  readonly server?: () => Partial<Identity> & {
    readonly maxVersion?: 'TLSv1.2'
    readonly ALPNProtocols?: string[]
  }
  readonly client?: () => object
}

const CASES: readonly Case[] = [
  {
    what: 'a certificate for another name',
    code: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    message: /somebody else.*other\.test.*peer\.test/s,
    client: () => ({ servername: 'other.test' }),
  },
  {
    what: 'an expired certificate',
    code: /^CERT_HAS_EXPIRED$/,
    message: /expired/,
    server: () => certificates().expired,
  },
  {
    what: 'a self-signed certificate',
    code: /^DEPTH_ZERO_SELF_SIGNED_CERT$/,
    message: /tls\.ca/,
    server: () => certificates().selfSigned,
  },
  {
    what: 'an issuer that is not trusted',
    code: /^UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT_LOCALLY)$/,
    message: /nobody trusted/,
    client: () => ({ ca: certificates().selfSigned.cert }),
  },
  {
    what: 'no common version',
    code: /PROTOCOL/,
    message: /tls\.minVersion/,
    server: () => ({ maxVersion: 'TLSv1.2' }),
    client: () => ({ minVersion: 'TLSv1.3' }),
  },
  {
    what: 'no common application protocol',
    code: /NO_APPLICATION_PROTOCOL$/,
    message: /alpnProtocols/,
    server: () => ({ ALPNProtocols: ['h2'] }),
    client: () => ({ alpnProtocols: ['smtp'] }),
  },
  {
    what: 'a check of one’s own',
    code: /^ERR_MINE$/,
    message: /not mine/,
    client: () => ({
      checkServerIdentity: () => Object.assign(new Error('not mine'), { code: 'ERR_MINE' }),
    }),
  },
]

export function defineTlsFailureTests(test: Define): void {
  for (const { what, code, message, server, client } of CASES) {
    test(
      `${what}: phase tls, and what to do about it`,
      async (t) => {
        const peer = await tlsPeer(echo, server?.())
        const reactor = reactorOf(t)
        const error = await rejection(secured(reactor, peer, { tls: client?.() ?? {} }))
        assert.ok(error instanceof ConnectError)
        assert.match(error.code, code)
        assert.match(error.message, message)
        assert.deepEqual(
          [error.phase, error.localFault, error.syscall, error.address, error.port],
          ['tls', false, 'handshake', '127.0.0.1', peer.port],
        )
        assert.equal(error.attempts.at(-1)?.result, 'connected')
        atRest(reactor.stats())
        await peer.close()
      },
      needs,
    )
  }

  test(
    'rejectUnauthorized: false goes on, and tells',
    async (t) => {
      const peer = await tlsPeer(echo, certificates().selfSigned)
      const connection = await secured(reactorOf(t), peer, { tls: { rejectUnauthorized: false } })
      const { authorized, authorizationError } = connection.tls
      assert.deepEqual([authorized, authorizationError], [false, 'DEPTH_ZERO_SELF_SIGNED_CERT'])
      await connection.close()
      await peer.close()
    },
    needs,
  )

  test(
    'a peer that wants a certificate of this side: told to the reader, in words',
    async (t) => {
      const { ca } = certificates()
      const peer = await tlsPeer(echo, {
        requestCert: true,
        rejectUnauthorized: true,
        ca,
      } as object)
      const connection = await secured(reactorOf(t), peer)
      const error = await rejection(connection.chunks().next())
      assert.ok(error instanceof ConnectError)
      assert.deepEqual(
        [error.code, error.phase],
        ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'receive'],
      )
      assert.match(error.message, /tls\.cert/)
      connection.reset()
      await peer.close()
    },
    needs,
  )

  for (const [what, talk, code] of [
    [
      'answers in the clear',
      (socket) => void socket.write('220 hello\n'),
      'ERR_SSL_WRONG_VERSION_NUMBER',
    ],
    [
      'answers what OpenSSL alone has a word for',
      (socket) => void socket.write(Buffer.from('1703030005aabbccddee', 'hex')),
      'ERR_SSL_UNEXPECTED_MESSAGE',
    ],
    ['hangs up', (socket) => void socket.end(), 'ECONNRESET'],
    ['resets', (socket) => void socket.once('data', () => socket.resetAndDestroy()), 'ECONNRESET'],
  ] as const satisfies readonly (readonly [string, Parameters<typeof plainPeer>[0], string])[]) {
    test(
      `a peer that ${what} in the handshake: ${code}`,
      async (t) => {
        const peer = await plainPeer(talk)
        const reactor = reactorOf(t)
        const error = await rejection(secured(reactor, peer))
        assert.ok(error instanceof ConnectError)
        assert.deepEqual([error.code, error.phase], [code, 'tls'])
        // One line for people: no thread, no file of OpenSSL's.
        assert.doesNotMatch(error.message, /\n|SSL routines|\.c:/)
        atRest(reactor.stats())
        await peer.close()
      },
      needs,
    )
  }

  test(
    'a peer that never answers the handshake: ETIMEDOUT of phase tls, within timeoutMs',
    async (t) => {
      const reactor = reactorOf(t)
      const error = await rejection(firstValueFrom(reactor.connect(silent(t), { timeoutMs: 80 })))
      assert.ok(error instanceof ConnectError)
      assert.deepEqual(
        [error.code, error.phase, error.timedOutBy, error.syscall],
        ['ETIMEDOUT', 'tls', 'deadline', 'handshake'],
      )
      assert.match(error.message, /80 ms/)
      await t.world.nextRecord()
      atRest(reactor.stats())
    },
    needs,
  )

  test(
    'aborted, unsubscribed and destroyed in the handshake: the socket is closed at once',
    async (t) => {
      const aborting = reactorOf(t)
      const controller = new AbortController()
      const aborted = rejection(
        firstValueFrom(aborting.connect(silent(t), { signal: controller.signal })),
      )
      await inHandshake(aborting)
      controller.abort()
      atRest(aborting.stats())
      assert.equal(((await aborted) as ConnectError).code, 'ABORT_ERR')
      await t.world.nextRecord()

      const leaving = reactorOf(t)
      const subscription = leaving.connect(silent(t)).subscribe({ error: assert.fail })
      await inHandshake(leaving)
      subscription.unsubscribe()
      atRest(leaving.stats())
      await t.world.nextRecord()

      const going = t.reactor({ resolver: LOOPBACK })
      const gone = rejection(firstValueFrom(going.connect(silent(t))))
      await inHandshake(going)
      await going.destroy()
      assert.equal(((await gone) as ConnectError).code, 'ERR_REACTOR_DESTROYED')
      await t.world.nextRecord()
    },
    needs,
  )

  test(
    'upgradeToTls(): fails, is aborted, and is late, each with the connection reset',
    async (t) => {
      const reactor = reactorOf(t)
      const plain = () => firstValueFrom(reactor.connect(t.world.endpoint('recorder')))
      const late = await plain()
      const error = await rejection(late.upgradeToTls({ timeoutMs: 60 }))
      assert.deepEqual(
        [(error as ConnectError).code, (error as ConnectError).phase],
        ['ETIMEDOUT', 'tls'],
      )
      assert.ok(late.closed)
      await t.world.nextRecord()

      const controller = new AbortController()
      const aborted = rejection((await plain()).upgradeToTls({ signal: controller.signal }))
      await turns()
      controller.abort()
      assert.equal(((await aborted) as ConnectError).code, 'ABORT_ERR')
      await t.world.nextRecord()
      const early = await plain()
      const refused = await rejection(early.upgradeToTls({ signal: AbortSignal.abort() }))
      assert.equal((refused as ConnectError).code, 'ABORT_ERR')
      assert.ok(!early.closed)
      await early.close()
      assert.equal((await t.world.nextRecord()).end, 'fin')
      assert.equal(
        ((await rejection(early.upgradeToTls())) as ConnectError).code,
        'ERR_CONNECTION_CLOSED',
      )

      const stuck = await firstValueFrom(reactor.connect(t.world.endpoint('deaf')))
      const sending = rejection(stuck.send(Buffer.alloc(16 * 1024 * 1024)))
      const never = await rejection(stuck.upgradeToTls({ timeoutMs: 60 }))
      assert.deepEqual(
        [(never as ConnectError).code, (never as ConnectError).phase],
        ['ETIMEDOUT', 'tls'],
      )
      assert.equal(((await sending) as ConnectError).code, 'ETIMEDOUT')
      await t.world.listenUp()
      await t.world.nextRecord()
      atRest(reactor.stats())
    },
    needs,
  )

  test(
    'upgradeToTls() that is called off within any of its first ticks, or whose reactor goes, is told so',
    async (t) => {
      const reactor = reactorOf(t)
      const limit = { timeoutMs: 8_000 }
      for (let ticks = 0; ticks < 6; ticks++) {
        const controller = new AbortController()
        const { signal } = controller
        const plain = await firstValueFrom(reactor.connect(t.world.endpoint('recorder')))
        const aborted = rejection(plain.upgradeToTls({ ...limit, signal }))
        const other = reactorOf(t)
        const lost = await firstValueFrom(other.connect(t.world.endpoint('recorder')))
        const gone = rejection(lost.upgradeToTls(limit))
        for (let tick = 0; tick < ticks; tick++) await undefined
        controller.abort()
        await other.destroy()
        assert.equal(((await aborted) as ConnectError).code, 'ABORT_ERR', `${ticks}`)
        assert.equal(((await gone) as ConnectError).code, 'ERR_REACTOR_DESTROYED', `${ticks}`)
        await t.world.nextRecord()
        await t.world.nextRecord()
      }
      atRest(reactor.stats())
    },
    needs,
  )

  test(
    'a peer that resets later: the reader and the sender are told ECONNRESET',
    async (t) => {
      const peer = await tlsPeer((socket) => {
        socket.once('data', () => peer.reset())
      })
      const connection = await secured(reactorOf(t), peer)
      const reading = rejection(connection.chunks().next())
      await connection.send('x')
      assert.equal(((await reading) as ConnectError).code, 'ECONNRESET')
      await rejection(connection.send('late'))
      await connection.close()
      await peer.close()
    },
    needs,
  )

  test(
    'a peer that ends, and resets later: the end is an end, and who still sends is told',
    async (t) => {
      const peer = await tlsPeer((socket) => void socket.end('bye'), {
        allowHalfOpen: true,
      } as object)
      const connection = await secured(reactorOf(t), peer)
      const chunks = connection.chunks()
      assert.equal(String((await chunks.next()).value), 'bye')
      assert.equal((await chunks.next()).done, true)
      const sending = rejection(connection.send(Buffer.alloc(16 * 1024 * 1024)))
      await turns()
      peer.reset()
      const error = await sending
      assert.ok(error instanceof ConnectError)
      assert.ok(['ECONNRESET', 'EPIPE'].includes(error.code), error.code)
      assert.equal(error.phase, 'send')
      await connection.close()
      await peer.close()
    },
    needs,
  )

  test(
    'what only node:tls has was not sent: reset(), destroy() and a signal tell so',
    async (t) => {
      const peer = await tlsPeer((socket) => void socket.resume())
      const reactor = reactorOf(t)
      const codes = async (end: (abort: () => void, reset: () => void) => unknown) => {
        const connection = await secured(reactor, peer)
        const controller = new AbortController()
        const { signal } = controller
        const sending = rejection(connection.send('not out before a turn of the loop', { signal }))
        await end(
          () => controller.abort(),
          () => connection.reset(),
        )
        const later = await rejection(connection.send('late'))
        return [await sending, later].map((error) => (error as ConnectError).code)
      }
      const closed = 'ERR_CONNECTION_CLOSED'
      assert.deepEqual(await codes((_, reset) => reset()), [closed, closed])
      // A part may be out: nothing that follows could make sense to the peer.
      assert.deepEqual(await codes((abort) => abort()), ['ABORT_ERR', closed])
      const destroyed = 'ERR_REACTOR_DESTROYED'
      assert.deepEqual(await codes(() => reactor.destroy()), [destroyed, destroyed])
      await peer.close()
    },
    needs,
  )

  test(
    'reset() and idleTimeout() inside of TLS',
    async (t) => {
      const peer = await tlsPeer((socket) => void socket.resume())
      const reactor = reactorOf(t)
      const idle = await secured(reactor, peer)
      idle.idleTimeout(30)
      assert.equal(
        ((await rejection(idle.chunks().next())) as ConnectError).code,
        'ERR_IDLE_TIMEOUT',
      )
      const connection = await secured(reactor, peer)
      await connection.send('x')
      connection.reset()
      assert.equal(
        ((await rejection(connection.send('late'))) as ConnectError).code,
        'ERR_CONNECTION_CLOSED',
      )
      atRest(reactor.stats())
      await peer.close()
    },
    needs,
  )
}

/** It accepts, says nothing, and records when it is left; not how: libuv tells RST as FIN where unread data precedes it. */
function silent(t: Trial): Endpoint {
  const endpoint = t.world.endpoint('recorder')
  assert.ok('host' in endpoint)
  return tls(endpoint.host, endpoint.port)
}

async function inHandshake(reactor: { stats(): { readonly open: number } }): Promise<void> {
  while (reactor.stats().open === 0) await turns(1)
  await turns(5)
}
