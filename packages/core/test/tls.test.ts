/** Options of TLS and where sessions are kept: what needs no handshake. */
import { ConnectError, errno, type TlsOptions, tls, tlsSessionCache } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { toEndpoint } from '../src/endpoint/endpoint-text.js'
import { transferFailure } from '../src/errors/failures.js'
import type { ReactorCore } from '../src/reactor/reactor-core.js'
import { BoundedMap } from '../src/tls/session-cache.js'
import { lowerFailure } from '../src/tls/tls-failure.js'
import { checkTls } from '../src/tls/tls-options.js'
import { connected, record, stage } from './harness.js'

const URI = 'tls://peer.test:443'

async function aCore(): Promise<ReactorCore> {
  return (await connected()).connection.link.core
}

it.each(['/run/a: b', '/run/a'])(
  'why the link below failed is told without its path: %s',
  (path) => {
    const below = new ConnectError(transferFailure(-errno.ECONNRESET, 'receive', 'recv'), {
      address: { family: 'unix', path },
    })
    expect(below.message).toBe(`recv ECONNRESET ${path}: connection reset by peer`)
    expect(lowerFailure(below, false).reason).toBe('connection reset by peer')
  },
)

describe('an idle timeout inside of TLS', () => {
  /** A link with another one below it, of which only the time is of interest. */
  async function overAnother() {
    const set = await connected()
    const below = { movedAt: Number.NEGATIVE_INFINITY, noteMoves() {} }
    Object.assign(set.connection.link.channel, { below })
    const moved = (): void => {
      below.movedAt = set.clock.now()
    }
    return { ...set, moved }
  }

  it('runs from when a part of a record came, and no longer', async () => {
    const { connection, clock, moved } = await overAnother()
    connection.idleTimeout(100)
    clock.advance(30)
    moved()
    clock.advance(99)
    expect(connection.closed).toBe(false)
    clock.advance(1)
    expect(connection.closed).toBe(true)
  })

  it('goes on while parts come', async () => {
    const { connection, clock, moved } = await overAnother()
    connection.idleTimeout(100)
    for (let i = 0; i < 20; i++) {
      clock.advance(70)
      moved()
    }
    expect(connection.closed).toBe(false)
    clock.advance(100)
    expect(connection.closed).toBe(true)
  })
})

describe('options', () => {
  it.each<[string, object, RegExp]>([
    ['a name that is none', { servernam: 'x' }, /did you mean servername/],
    ['an address for a servername', { servername: '192.0.2.1' }, /RFC 6066/],
    ['protocols that are no list', { alpnProtocols: 'h2' }, /alpnProtocols/],
    ['an empty protocol', { alpnProtocols: [''] }, /alpnProtocols/],
    ['a protocol of 256 bytes', { alpnProtocols: ['ü'.repeat(128)] }, /alpnProtocols/],
    ['no certificate', { cert: 'nonsense', key: 'nonsense' }, /PEM/i],
    ['no version', { minVersion: 'TLSv9' }, /TLS protocol version/],
    ['no object', 5 as unknown as object, /object/],
  ])('%s throws at the call', (_what, options, message) => {
    const { reactor, script } = stage()
    expect(() => reactor.connect(URI, { tls: options as TlsOptions })).toThrow(message)
    expect(() => reactor.duplex(URI, { tls: options as TlsOptions })).toThrow(message)
    expect(script.sockets).toEqual([])
  })

  it('are for TLS endpoints only, and upgradeToTls() rejects with what connect() throws', async () => {
    const { reactor, connection } = await connected()
    expect(() => reactor.connect('tcp://peer.test:443', { tls: {} })).toThrow(TypeError)
    await expect(connection.upgradeToTls({ servername: '::1' })).rejects.toThrow(TypeError)
    await expect(connection.upgradeToTls({ timeoutMs: 0 })).rejects.toThrow(RangeError)
    expect(connection.closed).toBe(false)
  })

  it.each<[string, string | undefined, string, string]>([
    ['tls://peer.test:443', undefined, 'peer.test', 'peer.test'],
    ['tls://peer.test.:443', undefined, 'peer.test', 'peer.test.'],
    ['tls://bücher.test:443', undefined, 'xn--bcher-kva.test', 'bücher.test'],
    ['tls://192.0.2.1:443', undefined, '', '192.0.2.1'],
    ['tls://[fe80::1%eth0]:443', undefined, '', 'fe80::1'],
    ['tls://192.0.2.1:443', 'peer.test', 'peer.test', '192.0.2.1'],
    ['tls://peer.test:443', '', '', 'peer.test'],
    ['unix:/run/x', undefined, '', ''],
    ['vsock://2:1', 'peer.test', 'peer.test', ''],
  ])('%s with servername %s asks for %j', async (endpoint, servername, asked, host) => {
    const setup = checkTls(await aCore(), toEndpoint(endpoint), { servername })
    expect([setup.servername, setup.host]).toEqual([asked, host])
  })

  it('equal ones share a context and the key of their sessions; others do not', async () => {
    const core = await aCore()
    const endpoint = tls('peer.test', 443)
    const check = (): undefined => undefined
    const base = checkTls(core, endpoint, { ciphers: 'ECDHE' })
    const equal = checkTls(core, endpoint, { ciphers: 'ECDHE', rejectUnauthorized: true })
    expect(equal.context).toBe(base.context)
    expect(equal.sessionKey).toBe(base.sessionKey)
    const keys = [
      checkTls(core, tls('peer.test', 444), { ciphers: 'ECDHE' }),
      checkTls(core, endpoint, {}),
      checkTls(core, endpoint, { ciphers: 'ECDHE', rejectUnauthorized: false }),
      checkTls(core, endpoint, { ciphers: 'ECDHE', servername: 'other.test' }),
      checkTls(core, endpoint, { ciphers: 'ECDHE', alpnProtocols: ['h2'] }),
      checkTls(core, endpoint, { ciphers: 'ECDHE', checkServerIdentity: check }),
      checkTls(core, endpoint, { secureContext: base.context }),
    ].map(({ sessionKey }) => sessionKey)
    expect(new Set([base.sessionKey, ...keys]).size).toBe(keys.length + 1)
    const again = checkTls(core, endpoint, { ciphers: 'ECDHE', checkServerIdentity: check })
    expect(again.sessionKey).toBe(keys[5])
  })
})

it('connectMany() makes no handshakes, so a TLS endpoint is an invalid target', () => {
  const { reactor, clock, script } = stage()
  const outcomes = record(reactor.connectMany([URI]))
  clock.settle()
  expect(outcomes.values).toMatchObject([{ kind: 'invalid', phase: 'parse' }])
  expect(outcomes.values[0]).toHaveProperty(
    'error.message',
    expect.stringContaining('upgradeToTls'),
  )
  expect(script.sockets).toEqual([])
})

describe('the session cache', () => {
  it('forgets the least recently used', () => {
    const map = new BoundedMap<number>(2)
    map.set('a', 1)
    map.set('b', 2)
    expect(map.get('a')).toBe(1)
    map.set('c', 3)
    expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([1, undefined, 3])
    map.set('a', 4)
    map.delete('c')
    map.set('d', 5)
    expect([map.get('a'), map.get('c'), map.get('d')]).toEqual([4, undefined, 5])
  })

  it.each([0, -1, 1.5, Number.NaN])('has no capacity of %s', (capacity) => {
    expect(() => tlsSessionCache(capacity)).toThrow(RangeError)
  })
})
