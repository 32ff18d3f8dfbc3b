/** Conformance of TLS where user code throws, or its options are none: told at the call or as the connect's error, and nothing is left. */

import assert from 'node:assert/strict'
import { ConnectError, type TlsOptions, type TlsSessions, type UpgradeOptions } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { atRest, echo, plainPeer, reactorOf, secured, tlsPeer } from './tls-peers.js'
import { type Define, rejection } from './trial.js'
import { uncaughtDuring } from './uncaught-errors.js'

const needs = { certificates: true, transport: 'tcp4' } as const
const silent = (): void => {}

function fails(message: string): never {
  throw new Error(message)
}

function throwsNoText(): never {
  throw Object.create(null)
}

/** Options as JavaScript may have them. */
const REFUSED: Readonly<Record<string, object>> = {
  'secureContext: {}': { secureContext: {} },
  'secureContext: { context: {} }': { secureContext: { context: {} } },
  'secureContext: 5': { secureContext: 5 },
  'session: {}': { session: {} },
  'session: text': { session: 'abc' },
  'sessions: {}': { sessions: {} },
  'sessions: true': { sessions: true },
  'checkServerIdentity: true': { checkServerIdentity: true },
  'rejectUnauthorized: 0': { rejectUnauthorized: 0 },
  'minVersion: TLSv9': { minVersion: 'TLSv9' },
  'ciphers: nonsense': { ciphers: 'nonsense' },
  'ca: 5': { ca: 5 },
  'key: text': { cert: 'x', key: 'y' },
  'servername: 5': { servername: 5 },
  'alpnProtocols: text': { alpnProtocols: 'h2' },
}

const SESSIONS: Readonly<Record<string, () => unknown>> = {
  throws: () => fails('cache down'),
  'throws what has no text': throwsNoText,
  'gives a promise': async () => undefined,
  'gives an object': () => ({}),
}

const CHECKS: Readonly<Record<string, () => unknown>> = {
  throws: () => fails('a bug in the check'),
  'throws what has no text': throwsNoText,
  'gives no error': () => 'a bug in the check',
}

export function defineTlsThrowingTests(test: Define): void {
  test(
    'options that are none are refused at the call',
    async (t) => {
      const reactor = reactorOf(t)
      const peer = await plainPeer(echo)
      const connection = await firstValueFrom(reactor.connect(`tcp://127.0.0.1:${peer.port}`))
      for (const [what, tls] of Object.entries(REFUSED)) {
        assert.throws(() => reactor.connect('tls://peer.test:1', { tls }), Error, what)
        await rejection(connection.upgradeToTls(tls))
        assert.equal(connection.closed, false, what)
      }
      connection.reset()
      await peer.close()
    },
    needs,
  )

  for (const [what, get] of Object.entries(SESSIONS)) {
    test(
      `a cache of sessions that ${what}: the connect is told, and the deadlines of all others hold`,
      async (t) => {
        const reactor = reactorOf(t)
        const peer = await plainPeer(silent)
        const sessions = { get, set() {}, delete: () => fails('delete') } as TlsOptions['sessions']
        const others = Array.from({ length: 5 }, () =>
          rejection(secured(reactor, peer, { timeoutMs: 200 })),
        )
        const errors = await uncaughtDuring(async () => {
          const error = await rejection(
            secured(reactor, peer, { timeoutMs: 100, tls: { sessions } }),
          )
          assert.ok(error instanceof ConnectError)
          assert.match(error.message, /could not be begun/)
          assert.deepEqual([error.phase, error.localFault], ['tls', true])
          for (const other of await Promise.all(others)) {
            assert.equal((other as ConnectError).code, 'ETIMEDOUT')
          }
        })
        assert.deepEqual(errors, ['delete'])
        await peer.close()
      },
      needs,
    )
  }

  test(
    'a cache of sessions that puts an end to what asks it: that is told, and nothing of it is left',
    async (t) => {
      const peer = await plainPeer(silent)
      const reactor = reactorOf(t)
      const plain = await firstValueFrom(reactor.connect(`tcp://127.0.0.1:${peer.port}`))
      for (const connect of [
        (options: UpgradeOptions) => plain.upgradeToTls(options),
        ({ timeoutMs, signal, ...tls }: UpgradeOptions) =>
          secured(reactor, peer, { timeoutMs, signal, tls }),
      ]) {
        const controller = new AbortController()
        const get = (): void => controller.abort()
        const sessions = { get, set() {}, delete() {} } as unknown as TlsSessions
        const { signal } = controller
        const error = await rejection(connect({ timeoutMs: 8_000, signal, sessions }))
        assert.equal((error as ConnectError).code, 'ABORT_ERR')
        atRest(reactor.stats())
      }
      const get = (): void => void reactor.destroy()
      const sessions = { get, set() {}, delete() {} } as unknown as TlsSessions
      const error = await rejection(secured(reactor, peer, { timeoutMs: 8_000, tls: { sessions } }))
      assert.equal((error as ConnectError).code, 'ERR_REACTOR_DESTROYED')
      atRest(reactor.stats())
      await peer.close()
    },
    needs,
  )

  test(
    'a cache that can’t keep sessions: uncaught, and the connection is used all the same',
    async (t) => {
      const peer = await tlsPeer(echo, { maxVersion: 'TLSv1.2' })
      const sessions = { get: () => undefined, set: () => fails('set'), delete() {} }
      const errors = await uncaughtDuring(async () => {
        const connection = await secured(reactorOf(t), peer, { tls: { sessions } })
        await connection.send('x')
        assert.equal(String(await firstValueFrom(connection.received)), 'x')
        await connection.close()
      })
      assert.deepEqual(errors, ['set'])
      await peer.close()
    },
    needs,
  )

  for (const [what, check] of Object.entries(CHECKS)) {
    test(
      `checkServerIdentity that ${what} ends the handshake with its error`,
      async (t) => {
        const peer = await tlsPeer(echo)
        const tls = { checkServerIdentity: check as () => undefined }
        const error = await rejection(secured(reactorOf(t), peer, { tls, timeoutMs: 8_000 }))
        assert.ok(error instanceof ConnectError)
        assert.equal(error.phase, 'tls')
        assert.match(error.message, /a bug in the check|gave string, and no error|: object$/)
        await peer.close()
      },
      needs,
    )
  }

  test(
    'a reader that throws inside of TLS gets all that follows',
    async (t) => {
      const peer = await tlsPeer(echo)
      const connection = await secured(reactorOf(t), peer)
      const socket = connection.toDuplex()
      const heard: string[] = []
      const errors = await uncaughtDuring(
        () =>
          new Promise<void>((resolve) => {
            socket.on('data', (data) => {
              heard.push(String(data))
              if (heard.length === 3) socket.end()
              else socket.write('x')
              throw new Error(`data ${heard.length}`)
            })
            socket.once('close', () => resolve())
            socket.write('x')
          }),
      )
      assert.deepEqual(
        [heard, errors],
        [
          ['x', 'x', 'x'],
          ['data 1', 'data 2', 'data 3'],
        ],
      )
      await peer.close()
    },
    needs,
  )
}
