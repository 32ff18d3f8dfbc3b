/** What peers send, certificates say and lists hold: on no way out does it move a cursor, end a line or hide. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { certificate, listen, pollout } from './harness.js'

const EVIL = 'a\x1b[2J\u202egpj\x9b31m\u200b\u2028\u{e0041}\x07\u3164z'
/** But for the ends of lines that are ours. */
const NOT_SHOWN = /[^\n\P{Cc}]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}]/u

const FORMATS: [name: string, options: string[]][] = [
  ['table', []],
  ['json', ['--json']],
  ['csv', ['--csv']],
]

describe.each(FORMATS)('%s', (name, format) => {
  it('of a banner', async () => {
    const { uri } = await listen((socket) => socket.end(`${EVIL}\r\nsecond\xff`))
    const { stdout, lines } = await pollout(['fanout', uri, '--banner', '--silent', ...format])
    expect(stdout).not.toMatch(NOT_SHOWN)
    expect(stdout).toContain('\\u202egpj')
    expect(lines).toHaveLength(name === 'csv' ? 2 : 1)
    if (name === 'json') {
      expect(JSON.parse(stdout).probe.banner).toBe(`${EVIL}\r\nsecond\xff`)
    }
  })

  it('of a certificate', async () => {
    const server = createServer(certificate('x\u202egpj\u200b'), (socket) => {
      socket.on('error', () => {}).end()
    })
    onTestFinished(() => void server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const { stdout } = await pollout([
      'fanout',
      `127.0.0.1:${port}`,
      '--tls',
      '--silent',
      ...format,
    ])
    expect(stdout).not.toMatch(NOT_SHOWN)
    expect(stdout).toContain('x\\u202egpj\\u200b')
  })

  it('of a list', async () => {
    const args = ['fanout', '-p', '1', '--only', 'all', '--silent', ...format]
    const { stdout, stderr } = await pollout(args, {
      stdin: `${EVIL}\n{"endpoint": "unix:/${EVIL}"}\n{"host": 1, "${EVIL}": "${EVIL}"}\n`,
    })
    expect(stdout + stderr).not.toMatch(NOT_SHOWN)
    expect(stdout).toContain('\\u202egpj')
  })
})

it('of an endpoint of connect, in text and in JSON', async () => {
  for (const format of [[], ['--json']]) {
    const { stdout, stderr } = await pollout(['connect', `unix:/none/${EVIL}`, ...format])
    expect(stdout + stderr).not.toMatch(NOT_SHOWN)
    expect(stdout + stderr).toContain('\\u202egpj')
  }
})

it.each([[['fanout', EVIL]], [['connect', EVIL]], [['fanout', `--${EVIL}`]], [[EVIL]]])(
  'of wrong usage: %j',
  async (args) => {
    const { stderr } = await pollout(args)
    expect(stderr).not.toMatch(NOT_SHOWN)
    expect(stderr.match(/\n/g)).toHaveLength(1)
  },
)

it('in a report', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pollout-hostile-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'report.html')
  const stdin = `unix:/none/<b>${EVIL}\n`
  await pollout(['fanout', '--report', file, '--silent'], { stdin })
  const page = readFileSync(file, 'utf8')
  const shown = page.slice(page.indexOf('<main>'), page.indexOf('</main>'))
  expect(shown).not.toMatch(NOT_SHOWN)
  expect(shown).toContain('&#60;b&#62;a\\u001b[2J\\u202egpj')
})
