/** The options of TLS and their check, once, at the call: what can't be meant, and keys that can't be read, throw there. */
import { createHash } from 'node:crypto'
import {
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
  type SecureVersion,
} from 'node:tls'
import { domainToASCII } from 'node:url'
import { literalFamily } from '../backend/address.js'
import { checkCallback, checkFlag, checkNames } from '../base/options.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import type { ReactorCore } from '../reactor/reactor-core.js'
import { BoundedMap, type TlsSessions, tlsSessionCache } from './session-cache.js'

/**
 * PEM text, or PEM or DER bytes as node:tls takes them; several where the list is one.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import type { TlsMaterial } from 'pollout'
 *
 * const ours: TlsMaterial = readFileSync('/etc/ssl/ours.pem')
 * ```
 */
export type TlsMaterial = string | Buffer | readonly (string | Buffer)[]

/**
 * What is not said here is as node:tls has it.
 *
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs'
 * import { createReactor, type TlsOptions } from 'pollout'
 *
 * const tls: TlsOptions = {
 *   ca: readFileSync('/etc/ssl/ours.pem'),
 *   minVersion: 'TLSv1.3',
 *   alpnProtocols: ['h2'],
 * }
 * createReactor().connect('tls://10.0.0.7:8443', { tls })
 * ```
 */
export interface TlsOptions {
  /** Who is trusted, in place of the certificates that come with Node. */
  readonly ca?: TlsMaterial | undefined
  /** This side's own certificate, with its chain, and its key. */
  readonly cert?: TlsMaterial | undefined
  /** The private key of `cert`. */
  readonly key?: TlsMaterial | undefined
  /** Both of them in PKCS#12. */
  readonly pfx?: string | Buffer | undefined
  /** Of the key, or of `pfx`. */
  readonly passphrase?: string | undefined
  /** Revocation lists. */
  readonly crl?: TlsMaterial | undefined
  /** As openssl-ciphers(1) writes them. */
  readonly ciphers?: string | undefined
  /** Signature algorithms, best first, with colons between: `ECDSA+SHA256:RSA-PSS+SHA256`. */
  readonly sigalgs?: string | undefined
  /** Curves for the key agreement, best first, with colons between: `X25519:P-256`. */
  readonly ecdhCurve?: string | undefined
  /** The oldest protocol that is spoken. Default: Node's, TLS 1.2. */
  readonly minVersion?: SecureVersion | undefined
  /** The newest one. Default: Node's, TLS 1.3. */
  readonly maxVersion?: SecureVersion | undefined
  /** All of the above, made before by `tls.createSecureContext()`. */
  readonly secureContext?: SecureContext | undefined
  /**
   * The name that is asked for (SNI), and that the certificate has to be for. Default: the endpoint's host, and none
   * where that is an address (the certificate then has to be for the address). The empty string asks for none.
   */
  readonly servername?: string | undefined
  /** Protocols to choose from, best first: RFC 7301. Which was chosen stands in `connection.tls.alpnProtocol`. */
  readonly alpnProtocols?: readonly string[] | undefined
  /** False goes on with a peer that can't prove who it is: `connection.tls.authorized` tells. Default true. */
  readonly rejectUnauthorized?: boolean | undefined
  /** In place of the check of the certificate's names; the error that it returns, or throws, ends the handshake. */
  readonly checkServerIdentity?:
    | ((host: string, certificate: PeerCertificate) => Error | undefined)
    | undefined
  /** A session to resume, in place of one from `sessions`. */
  readonly session?: Buffer | undefined
  /** Where sessions are kept for the next connect. Default: the reactor's own cache; false for nowhere. */
  readonly sessions?: TlsSessions | false | undefined
}

const CONTEXT_NAMES = [
  ...([
    'ca',
    'cert',
    'key',
    'pfx',
    'passphrase',
    'crl',
    'ciphers',
    'sigalgs',
    'ecdhCurve',
  ] as const),
  ...(['minVersion', 'maxVersion'] as const),
] as const
const OTHER_NAMES = [
  ...(['secureContext', 'servername', 'alpnProtocols', 'rejectUnauthorized'] as const),
  ...(['checkServerIdentity', 'session', 'sessions'] as const),
] as const
const CONTEXTS_KEPT = 32

/** Checked, and good for any number of handshakes. */
export interface TlsSetup {
  readonly context: SecureContext
  /** Empty for none. */
  readonly servername: string
  /** Whom the certificate has to be for, where there is no servername. */
  readonly host: string
  readonly alpnProtocols: readonly string[]
  readonly rejectUnauthorized: boolean
  readonly checkServerIdentity: TlsOptions['checkServerIdentity']
  readonly session: Buffer | undefined
  readonly sessions: TlsSessions | undefined
  /** Equal only where a session of one may be resumed by the other. */
  readonly sessionKey: string
}

/** What a reactor keeps for all its handshakes. */
class TlsMemory {
  readonly sessions = tlsSessionCache()
  readonly contexts = new BoundedMap<SecureContext>(CONTEXTS_KEPT)
}

const memories = new WeakMap<ReactorCore, TlsMemory>()

function memoryOf(core: ReactorCore): TlsMemory {
  const memory = memories.get(core) ?? new TlsMemory()
  memories.set(core, memory)
  return memory
}

/** Throws TypeError, or what OpenSSL says of keys and certificates that it can't read. */
export function checkTls(core: ReactorCore, endpoint: Endpoint, options: TlsOptions): TlsSetup {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError('tls must be an object of options')
  }
  checkNames(options, [...CONTEXT_NAMES, ...OTHER_NAMES])
  const checkServerIdentity = checkCallback('checkServerIdentity', options.checkServerIdentity)
  const rejectUnauthorized = checkFlag('rejectUnauthorized', options.rejectUnauthorized ?? true)
  const session = checkSession(options.session)
  const sessions = checkSessions(options.sessions)
  const given = checkContext(options.secureContext)
  const { contexts, sessions: ownSessions } = memoryOf(core)
  const fingerprint = fingerprintOf(options)
  const context = given ?? contexts.get(fingerprint) ?? contextOf(options)
  if (given === undefined) contexts.set(fingerprint, context)
  // A zone is this machine's business, and stands in no certificate.
  const host = 'host' in endpoint ? endpoint.host.replace(/%.*$/s, '') : ''
  const servername = servernameOf(endpoint, options.servername)
  const alpnProtocols = checkProtocols(options.alpnProtocols ?? [])
  const place = 'path' in endpoint ? endpoint.path : `${host}:${endpoint.port}`
  const checks = [rejectUnauthorized, identityOf(checkServerIdentity)]
  return {
    context,
    servername,
    host,
    alpnProtocols,
    rejectUnauthorized,
    checkServerIdentity,
    session,
    sessions: sessions === false ? undefined : (sessions ?? ownSessions),
    sessionKey: JSON.stringify([place, servername, alpnProtocols, fingerprint, ...checks]),
  }
}

function contextOf(options: TlsOptions): SecureContext {
  const given = CONTEXT_NAMES.filter((name) => options[name] !== undefined)
  const picked = Object.fromEntries(given.map((name) => [name, options[name]]))
  return createSecureContext(picked as SecureContextOptions)
}

/** By what node:tls looks at: any other object is refused by its C++, in the middle of a handshake's beginning. */
function checkContext(given: SecureContext | undefined): SecureContext | undefined {
  if (given === undefined) return undefined
  const { context } = Object(given) as { context?: unknown }
  const isOne = typeof context === 'object' && context !== null
  const known = Object.getPrototypeOf((createSecureContext() as { context?: object }).context)
  if (isOne && Object.getPrototypeOf(context) === known) return given
  throw new TypeError('secureContext must come from tls.createSecureContext()')
}

/** One of {@link TlsOptions.session}, or of a cache. */
export function checkSession(session: Buffer | undefined): Buffer | undefined {
  if (session === undefined || ArrayBuffer.isView(session)) return session
  throw new TypeError('a TLS session must be a Buffer, as an earlier connection has given it')
}

function checkSessions(sessions: TlsSessions | false | undefined): TlsSessions | false | undefined {
  if (sessions === undefined || sessions === false) return sessions
  const methods = ['get', 'set', 'delete'] as const
  if (methods.every((name) => typeof sessions?.[name] === 'function')) return sessions
  throw new TypeError('sessions must have the methods get, set and delete, or be false')
}

function servernameOf(endpoint: Endpoint, servername: string | undefined): string {
  if (servername === undefined) {
    const isName = 'host' in endpoint && literalFamily(endpoint.host) === undefined
    return isName ? asciiName(endpoint.host) : ''
  }
  if (typeof servername !== 'string' || literalFamily(servername)) {
    throw new TypeError(
      `servername must be a host name, not ${JSON.stringify(servername)}: RFC 6066 has no addresses there; leave it out`,
    )
  }
  return asciiName(servername)
}

/** As it goes over the wire: without the final dot, in ASCII. RFC 6066, 3. */
function asciiName(name: string): string {
  return domainToASCII(name.replace(/\.$/, ''))
}

function checkProtocols(protocols: readonly string[]): readonly string[] {
  const isList = Array.isArray(protocols)
  // One byte tells the length: RFC 7301, 3.1.
  const isName = (name: unknown): boolean =>
    typeof name === 'string' && name !== '' && Buffer.byteLength(name) < 256
  if (isList && protocols.every(isName)) return [...protocols]
  throw new TypeError('alpnProtocols must be an array of names of 1 to 255 bytes')
}

const identities = new WeakMap<object, number>()
let lastIdentity = 0

/** A number for an object, the same each time. */
function identityOf(object: object | undefined): number {
  if (object === undefined) return 0
  const identity = identities.get(object) ?? ++lastIdentity
  identities.set(object, identity)
  return identity
}

/** Of all that makes the context. Hashed: keys and passphrases are not to stand in the keys of a cache. */
function fingerprintOf(options: TlsOptions): string {
  const hash = createHash('sha256')
  for (const name of CONTEXT_NAMES) {
    const value = options[name]
    if (value === undefined) continue
    const parts = Array.isArray(value) ? value : [value]
    hash.update(`${name} ${parts.length} `)
    for (const part of parts as readonly (string | Buffer)[])
      hash.update(`${part.length} `).update(part)
  }
  return `${identityOf(options.secureContext)} ${hash.digest('base64')}`
}
