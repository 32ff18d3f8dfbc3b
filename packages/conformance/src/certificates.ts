/** Certificates for tests, made by openssl(1) when they are first asked for. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Identity {
  readonly key: string
  readonly cert: string
}

export interface Certificates {
  /** Who has signed all but `selfSigned`. */
  readonly ca: string
  /** For `peer.test` and 127.0.0.1. */
  readonly good: Identity
  readonly expired: Identity
  readonly selfSigned: Identity
}

const NAMES = 'subjectAltName=DNS:peer.test,IP:127.0.0.1'
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

let made: Certificates | undefined

/** Why there are none; undefined where there are. */
export function certificateProblem(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'this machine has no openssl(1) to make certificates with'
  }
}

export function certificates(): Certificates {
  made ??= make()
  return made
}

function make(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), 'pollout-certificates-'))
  const openssl = (...args: readonly string[]): void =>
    void execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
  const signed = (name: string, days: number): Identity => {
    const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/CN=peer.test']
    openssl('req', '-new', ...NEW_KEY, ...request)
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
    const sign = ['-req', '-in', `${name}.csr`, '-out', `${name}.crt`, '-days', String(days)]
    openssl('x509', ...sign, ...by)
    return { key: read(`${name}.key`), cert: read(`${name}.crt`) }
  }
  const selfSigned = (name: string, subject: string, extension: string): Identity => {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`]
    openssl('req', '-x509', ...NEW_KEY, ...files, '-subj', subject, '-addext', extension)
    return { key: read(`${name}.key`), cert: read(`${name}.crt`) }
  }
  try {
    writeFileSync(join(folder, 'names'), NAMES)
    const { cert: ca } = selfSigned('ca', '/CN=pollout test authority', 'keyUsage=keyCertSign')
    return {
      ca,
      good: signed('good', 2),
      expired: signed('expired', -1),
      selfSigned: selfSigned('self', '/CN=peer.test', NAMES),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
