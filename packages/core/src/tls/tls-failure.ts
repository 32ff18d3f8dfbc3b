/** What went wrong with TLS, and what can be done about it. */
import { errno } from '../backend/errno.js'
import { asError } from '../base/quote.js'
import { visibleText } from '../base/visible-text.js'
import { ConnectError } from '../errors/connect-error.js'
import type { Failure } from '../errors/failure.js'
import { ownFailure } from '../errors/failures.js'

const UNTRUSTED =
  'nobody trusted has signed the certificate: give its issuer in tls.ca, or have the server send its whole chain'

const HUNG_UP = 'the peer ended the connection in the middle of the TLS handshake'

const REASONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED:
    'the certificate has expired: the server needs a new one (or this clock is wrong)',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet: is the clock of this machine right?',
  CERT_REVOKED: 'the certificate was revoked by its issuer',
  CERT_UNTRUSTED: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the certificate is signed by nobody but itself: where that is meant, give it in tls.ca',
  SELF_SIGNED_CERT_IN_CHAIN:
    'the chain ends in a certificate that is not trusted here: where it is to be, give it in tls.ca',
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_SSL_WRONG_VERSION_NUMBER:
    'the peer answered something that is not TLS: is this a port for TLS, or one that wants STARTTLS?',
  ERR_SSL_UNSUPPORTED_PROTOCOL:
    'the peer offers no version of TLS that is allowed here: see tls.minVersion',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION:
    'the peer accepts no version of TLS that was offered: see tls.minVersion and tls.maxVersion',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the peer speaks none of tls.alpnProtocols',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'the peer wants a certificate of this side: give tls.cert and tls.key',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'the peer refused the handshake: it may want another cipher, another name, or a certificate of this side',
}

/** Of an error of node:tls, in the handshake (phase `tls`) or later. */
export function tlsFailure(
  cause: unknown,
  phase: 'tls' | 'receive' | 'send',
  syscall: string,
): Failure {
  const { code: given, errno: number } = cause as NodeJS.ErrnoException
  // A check of the user's has errors of its own.
  const code = typeof given === 'string' ? given : 'ERR_TLS'
  return {
    code,
    errno: typeof number === 'number' ? number : undefined,
    syscall,
    phase,
    localFault: false,
    reason:
      code === 'ECONNRESET' && phase === 'tls' ? HUNG_UP : reasonOf(code, cause as OpenSslError),
    cause,
  }
}

/** The handshake was not even begun, for a reason of this side's. */
export function beginFailure(cause: unknown): Failure {
  const error = asError(cause)
  const reason = `the TLS handshake could not be begun: ${error.message}`
  return { ...tlsFailure(error, 'tls', 'handshake'), localFault: true, reason, cause }
}

/** What node:tls adds to errors that come from OpenSSL. */
interface OpenSslError extends Error {
  readonly reason?: unknown
}

/** OpenSSL's own line: thread, "error", number, library, function, reason, file, line. */
const OPENSSL_LINE = /\b[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:\n]*)/

function reasonOf(code: string, { message, reason }: OpenSslError): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    // Names who was asked for and who answered.
    const [, names = message] = /^.*?: (.*)$/s.exec(message) ?? []
    return visibleText(
      `the certificate is for somebody else: ${names} (another name: tls.servername)`,
    )
  }
  const known = REASONS[code]
  if (known !== undefined) return known
  const ofOpenSsl = typeof reason === 'string' ? reason : OPENSSL_LINE.exec(message)?.[1]
  return visibleText(ofOpenSsl === undefined ? message : `TLS: ${ofOpenSsl}`)
}

/** Of what the link below failed with, in the handshake or later. */
export function lowerFailure(error: unknown, isHandshake: boolean): Failure {
  const phase = isHandshake ? 'tls' : 'receive'
  const syscall = isHandshake ? 'handshake' : 'recv'
  if (!(error instanceof ConnectError)) return tlsFailure(error, phase, syscall)
  const { code, errno: number, localFault, reason } = error
  const isReset = isHandshake && code === 'ECONNRESET'
  return {
    code,
    errno: number,
    syscall,
    phase: error.phase === 'aborted' ? 'aborted' : phase,
    localFault,
    reason: isReset ? HUNG_UP : reason,
    cause: error,
  }
}

export function tlsDeadlineFailure(timeoutMs: number): Failure {
  return {
    code: 'ETIMEDOUT',
    errno: -errno.ETIMEDOUT,
    syscall: 'handshake',
    phase: 'tls',
    localFault: false,
    timedOutBy: 'deadline',
    reason: `connected, but no end of the TLS handshake within ${Math.round(timeoutMs)} ms`,
  }
}

export function truncatedFailure(phase: 'receive' | 'send', syscall: string): Failure {
  return ownFailure('ECONNRESET', phase, syscall, 'the TLS connection is gone')
}
