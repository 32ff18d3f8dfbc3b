/** Names on the command line: who is asked, how many at once, and a process that ends with its output. */
import { spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CLI, pollout } from './harness.js'

function rows(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

function kinds(text: string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind } of rows(text)) counts[String(kind)] = (counts[String(kind)] ?? 0) + 1
  return counts
}

/** Knows every name, with 127.0.0.1; until the test ends. */
async function nameServer() {
  const socket = createSocket('udp4')
  const questions: string[] = []
  socket.on('message', (question, from) => {
    const end = question.indexOf(0, 12) + 5
    const isA = question.readUInt16BE(end - 4) === 1
    questions.push(question.toString('latin1', 12, end))
    const head = Buffer.from(question.subarray(0, end))
    head.writeUInt16BE(0x8180, 2)
    head.writeUInt16BE(isA ? 1 : 0, 6)
    head.writeUInt32BE(0, 8)
    const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])
    socket.send(isA ? Buffer.concat([head, answer]) : head, from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => void socket.close())
  return { address: `127.0.0.1:${socket.address().port}`, questions }
}

describe('--resolver with servers', () => {
  it('every name is asked once for all its ports, and localhost not at all', async () => {
    const port = await unusedPort()
    const server = await nameServer()
    const names = Array.from({ length: 300 }, (_, i) => `host${i % 150}.test.:${port}`)
    const args = ['fanout', ...names, `localhost:${port}`, '--resolver', server.address, '--json']
    const { stdout } = await pollout(args)
    expect(kinds(stdout)).toEqual({ refused: 301 })
    // A question that was lost, or answered late, is asked again.
    expect(new Set(server.questions).size).toBe(300)
  })

  it('connect asks them too', async () => {
    const port = await unusedPort()
    const server = await nameServer()
    const args = ['connect', `tcp://peer.test:${port}`, '--resolver', server.address, '--json']
    const { stdout } = await pollout(args)
    expect(rows(stdout)).toMatchObject([{ code: 'ECONNREFUSED', peer: `127.0.0.1:${port}` }])
  })

  it('a server that is not there is named, also where the time is over before it is given up', async () => {
    const dead = `127.0.0.1:${await unusedPort()}`
    const connect = ['connect', 'tcp://a.test.:1', 'tcp://b.test.:1', '--resolver']
    const { code, stderr } = await pollout([...connect, dead])
    const line = `failed tcp://(a|b)\\.test\\.:1 after \\S+ ms: query(A|Aaaa) ECONNREFUSED tcp://\\1\\.test\\.:1: the name \\1\\.test\\. could not be resolved: DNS server ${dead} could not be reached, asked for (A|AAAA) of \\1\\.test`
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(line),
      expect.stringMatching(line),
    ])
    expect(code).toBe(1)
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    onTestFinished(() => void socket.close())
    const silent = `127.0.0.1:${socket.address().port}`
    const late = await pollout([...connect, silent, '--timeout', '200'])
    expect(late.stderr).toContain(
      `: query ETIMEDOUT tcp://a.test.:1: no answer within 200 ms from DNS server ${silent}\n`,
    )
  })

  it('sums tell a name server that refuses from a peer that does', async () => {
    const [port, dead] = [await unusedPort(), `127.0.0.1:${await unusedPort()}`]
    const targets = ['a.test.', 'b.test.', '127.0.0.1'].map((host) => `${host}:${port}`)
    const args = [
      'fanout',
      ...targets,
      '--resolver',
      dead,
      '--json',
      '--report',
      '-',
      '-o',
      '/dev/null',
    ]
    const { stdout, stderr } = await pollout(args)
    expect(stderr).toMatch(/│ other +│ ECONNREFUSED \(name\) +│ +2 │/)
    expect(stderr).toMatch(/│ refused +│ ECONNREFUSED +│ +1 │/)
    expect(stdout).toContain('<code>ECONNREFUSED (name)</code>')
  })

  it.each(['nonsense', '', '127.0.0.1,x'])('%j is refused', async (who) => {
    const { code, stderr } = await pollout(['connect', 'tcp://a.test:1', '--resolver', who])
    expect(code).toBe(2)
    expect(stderr).toMatch(/is no address of a DNS server; write 192.*; or dns, or system/)
  })
})

const mayUnshare = spawnSync('unshare', ['-n', '-m', 'ip', 'link']).status === 0

/** Network and mounts of its own: a name server on 127.0.0.1 that is slow or silent, and a hosts file. Gives the outcomes. */
async function inside(
  answersAfterMs: number,
  names: readonly string[],
  options: string,
  answers: 'both' | 'A' = 'both',
) {
  const folder = mkdtempSync(join(tmpdir(), 'pollout-names-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const files = {
    'resolv.conf': 'nameserver 127.0.0.1\nsearch corp.test\noptions timeout:30\n',
    hosts: '127.0.0.1 localhost fixed.test\n',
    names: names.join('\n'),
    'server.mjs': SERVER.replaceAll('AFTER_MS', String(answersAfterMs)).replace('ANSWERS', answers),
    'run.sh': `set -e
ip link set lo up
mount --bind resolv.conf /etc/resolv.conf
mount --bind hosts /etc/hosts
"$1" server.mjs & server=$!
until [ -e ready ]; do sleep 0.05; done
"$1" "$2" fanout -l names --json -o out --silent ${options} || true
kill $server
`,
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const args = ['-n', '-m', '--fork', '--kill-child', 'bash', 'run.sh', process.execPath, CLI]
  const child = spawn('unshare', args, { cwd: folder, stdio: 'inherit' })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'close')
  return rows(readFileSync(join(folder, 'out'), 'utf8'))
}

/** It knows all names below .test, with 127.0.0.1. */
const SERVER = `
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
createServer((peer) => peer.on('error', () => {})).listen(80, '127.0.0.1')
const socket = createSocket('udp4')
socket.on('message', (question, from) => {
  const end = question.indexOf(0, 12) + 5
  const isA = question.readUInt16BE(end - 4) === 1
  const isKnown = question.includes('test')
  const head = Buffer.from(question.subarray(0, end))
  head.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2)
  head.writeUInt16BE(isA && isKnown ? 1 : 0, 6)
  head.writeUInt32BE(0, 8)
  const a = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])
  const answer = Buffer.concat([head, isA && isKnown ? a : Buffer.alloc(0)])
  if (AFTER_MS > 0 && (isA || 'ANSWERS' === 'both')) setTimeout(() => socket.send(answer, from.port, from.address), AFTER_MS)
})
socket.bind(53, '127.0.0.1', () => writeFileSync('ready', ''))
`

describe.skipIf(!mayUnshare)('with a name server of their own', { timeout: 50_000 }, () => {
  it('that takes its time: every name gets there, however many wait', async () => {
    const names = Array.from({ length: 400 }, (_, i) => `h${i}.test:9`)
    // As getaddrinfo(3), two at a time, the last ones would wait for ten seconds.
    const found = await inside(50, [...names, 'short:9'], '--timeout-ms 3000')
    expect(new Set(found.map(({ kind }) => kind))).toEqual(new Set(['refused']))
    expect(found).toHaveLength(401)
  })

  it.each(['dns', 'system'])(
    'that leaves AAAA unanswered, --resolver %s: every name is connected to',
    async (who) => {
      const names = [...Array(60).keys()].map((i) => `h${i}.test:80`)
      const found = await inside(1, names, `--timeout-ms 4000 --resolver ${who}`, 'A')
      expect(found.map(({ kind }) => kind)).toEqual(names.map(() => 'connected'))
    },
  )

  it.each(['dns', 'system', '127.0.0.1'])(
    'that is silent, --resolver %s: names of this machine do not wait, and the process ends with its output',
    async (who) => {
      const names = [...Array(12).keys()].map((i) => `h${i}.test:9`)
      const own = ['fixed.test:9', 'localhost:9', 'a.localhost:9']
      const found = await inside(0, [...names, ...own], `--timeout-ms 500 --resolver ${who}`)
      const silent = found.filter(({ kind }) => kind === 'other')
      expect(silent).toHaveLength(12)
      for (const row of silent) expect(row).toMatchObject({ phase: 'resolve', localFault: false })
      expect(found.filter(({ kind }) => kind === 'refused')).toHaveLength(3)
      // getaddrinfo(3) has a minute to wait for; nobody waited for it, or the time of this test would be over.
    },
  )
})
