/** What a TLS handshake has shown, in short: the protocol, and whose certificate it was. */
import type { TlsInfo } from '@pollout/core'

export interface TlsSummary {
  readonly protocol: string
  readonly cipher: string
  /** The certificate is for this name, in force, and signed by someone whom Node trusts. */
  readonly authorized: boolean
  /** The code of what is wrong where it is not. */
  readonly authorizationError?: string
  readonly certificate?: CertificateSummary
}

export interface CertificateSummary {
  /** Common names, or the first of what there is. */
  readonly subject: string
  readonly issuer: string
  readonly altNames: readonly string[]
  /** ISO 8601. */
  readonly validFrom: string
  readonly validTo: string
  /** SHA-256, in hexadecimal. */
  readonly fingerprint: string
}

type Certificate = NonNullable<TlsInfo['peerCertificate']>

export function tlsSummary(tls: TlsInfo): TlsSummary {
  const { protocol, cipher, authorized, authorizationError, peerCertificate } = tls
  return {
    protocol,
    cipher: cipher.name,
    authorized,
    ...(authorizationError !== undefined && { authorizationError }),
    ...(peerCertificate && { certificate: certificateSummary(peerCertificate) }),
  }
}

function certificateSummary(certificate: Certificate): CertificateSummary {
  const { subject, issuer, subjectaltname = '', valid_from, valid_to, fingerprint256 } = certificate
  return {
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    altNames: subjectaltname === '' ? [] : subjectaltname.split(', '),
    validFrom: isoDate(valid_from),
    validTo: isoDate(valid_to),
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
  }
}

/** A name's part may stand there several times. */
function nameOf(name: Certificate['subject'] | undefined): string {
  const { CN, O } = name ?? {}
  return [CN ?? O ?? Object.values(name ?? {})[0] ?? ''].flat().join(', ')
}

/** `Nov 20 18:00:00 2026 GMT` as OpenSSL writes it. */
function isoDate(text: string): string {
  const date = new Date(text)
  return Number.isNaN(date.getTime()) ? text : date.toISOString()
}
