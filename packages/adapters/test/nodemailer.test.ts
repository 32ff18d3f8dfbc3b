/** Nodemailer against aiosmtpd. */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { mailServer } from '@pollout/test-servers'
import { createTransport } from 'nodemailer'
import { describe, expect, onTestFinished } from 'vitest'
import { smtpSocket } from '../src/nodemailer.js'
import { authorityOf, type Scene, withServer } from './setups.js'

/** What the server has kept, taken away from it. */
function mails({ server }: Scene): string[] {
  const folder = join(server.directory, 'mail/new')
  return readdirSync(folder).map((name) => {
    const text = readFileSync(join(folder, name), 'utf8')
    rmSync(join(folder, name))
    return text
  })
}

const ENVELOPE = { from: 'a@example.test', to: ['b@example.test'] }
const MAIL = { from: 'a@example.test', to: 'b@example.test', subject: 'Hello' }

const KINDS = [
  { tls: 'none', name: 'Nodemailer', options: {} },
  { tls: 'starttls', name: 'Nodemailer, STARTTLS', options: { requireTLS: true } },
  { tls: 'implicit', name: 'Nodemailer, in TLS', options: { secure: true } },
] as const

for (const { tls, name, options } of KINDS) {
  const open = (scene: Scene) => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: scene.server.port,
      pool: true,
      getSocket: smtpSocket(scene.reactor),
      ...options,
      ...(tls !== 'none' && { tls: { ca: authorityOf(scene) } }),
    })
    onTestFinished(() => transport.close())
    return transport
  }

  describe(name, () => {
    withServer(mailServer({ tls }), (test) => {
      test('mails over a pool, one with an attachment of 5 MB', async (scene) => {
        const transport = open(scene)
        const content = randomBytes(5 * 1024 * 1024)
        await Promise.all([
          transport.sendMail({ ...MAIL, text: 'one' }),
          transport.sendMail({ ...MAIL, attachments: [{ content, filename: 'file' }] }),
        ])
        const [small, large] = mails(scene).sort((a, b) => a.length - b.length)
        expect(small).toContain('\none')
        const encoded = large?.split('Content-Disposition')[1]?.split('\n\n')[1]?.split('--')[0]
        const received = Buffer.from(encoded ?? '', 'base64')
        const sum = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
        expect(sum(received)).toBe(sum(content))
        transport.close()
      })

      test('given up in the middle of a large mail: told, and the connection is closed', async (scene) => {
        const transport = open(scene)
        const raw = new PassThrough()
        const sent = expect(transport.sendMail({ envelope: ENVELOPE, raw })).rejects.toThrow(
          'given up',
        )
        raw.write('Subject: Hello\r\n\r\n')
        await new Promise((resolve) => raw.write(`${'x'.repeat(70)}\r\n`.repeat(100_000), resolve))
        raw.destroy(new Error('given up'))
        await sent
        await expect.poll(() => scene.reactor.stats().open).toBe(0)
        expect(mails(scene)).toEqual([])
        transport.close()
      })

      test('the server goes and comes back: refused in between, with the errno', async (scene) => {
        const transport = open(scene)
        await scene.server.down()
        await expect(transport.sendMail(MAIL)).rejects.toMatchObject({
          code: 'ECONNREFUSED',
          port: scene.server.port,
        })
        await scene.server.up()
        expect(await transport.sendMail(MAIL)).toMatchObject({ accepted: ['b@example.test'] })
        expect(mails(scene)).toHaveLength(1)
        transport.close()
      })
    })
  })
}
