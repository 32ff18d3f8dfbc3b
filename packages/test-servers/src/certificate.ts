/** A certificate for servers on loopback. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** `server.key` and `server.crt`, self-signed, for 127.0.0.1 and localhost, by openssl(1): its own authority. */
export function makeCertificate(directory: string): void {
  const files = ['-keyout', join(directory, 'server.key'), '-out', join(directory, 'server.crt')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = [
    '-subj',
    '/CN=pollout test',
    '-addext',
    'subjectAltName=IP:127.0.0.1,DNS:localhost',
  ]
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...files, ...names], {
    stdio: 'ignore',
  })
}
