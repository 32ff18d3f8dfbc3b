import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isNativeBackendAvailable } from '../src/index.js'
import { finish, listen, pollout, start } from './harness.js'

const backends = isNativeBackendAvailable().available ? ['native', 'net'] : ['net']
const FIELDS = ['event', 'endpoint', 'backend', 'elapsedMs', 'local', 'peer']
const ERROR_FIELDS = [...FIELDS, 'code', 'errno', 'phase', 'localFault', 'message']

describe.each(backends)('pollout connect --backend %s', (backend) => {
  const connect = (...args: string[]) => pollout(['connect', '--backend', backend, ...args])

  it('tells a connection in one line and ends with 0', async () => {
    const { uri, port } = await listen()
    const { code, stdout, stderr } = await connect(uri)
    expect(stdout).toMatch(
      new RegExp(
        `^connected ${uri} in \\d+\\.\\d\\d ms \\(local 127\\.0\\.0\\.1:\\d+, ${backend}\\)\n$`,
      ),
    )
    expect([code, stderr, port > 0]).toEqual([0, '', true])
  })

  it('tells a refusal in one line on stderr and ends with 1', async () => {
    const [{ uri }, closed] = [await listen(), `tcp://127.0.0.1:${await unusedPort()}`]
    const { code, lines, stderr } = await connect(uri, closed)
    expect(lines).toHaveLength(1)
    expect(stderr).toMatch(
      new RegExp(
        `^failed ${closed} after [\\d.]+ ms: connect ECONNREFUSED .*: connection refused\n$`,
      ),
    )
    expect(code).toBe(1)
  })

  it('connects by name, to IPv6 and to a Unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pollout-unix-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const unix = await listen(() => {}, { path: join(folder, 's') })
    const { port } = await listen()
    const v6 = await listen(() => {}, { host: '::1' })
    const { code, stdout, lines } = await connect(unix.uri, `tcp://localhost:${port}`, v6.uri)
    expect([code, lines.length]).toEqual([0, 3])
    expect(stdout).toMatch(
      new RegExp(`localhost:${port} in .* peer 127\\.0\\.0\\.1:${port}, ${backend}`),
    )
    expect(stdout).toMatch(/tcp:\/\/\[::1\]:\d+ in .* \(local \[::1\]:\d+,/)
    expect(stdout).toMatch(new RegExp(`connected ${unix.uri} in [\\d.]+ ms \\(${backend}\\)`))
  })

  it('--json: one object a line, with the documented fields', async () => {
    const { uri, port } = await listen()
    const closed = await unusedPort()
    const { code, lines, stderr } = await connect('--json', uri, `tcp://127.0.0.1:${closed}`)
    const reports = lines.map((line) => JSON.parse(line))
    const connected = reports.find(({ event }) => event === 'connected')
    const error = reports.find(({ event }) => event === 'error')
    expect(Object.keys(connected)).toEqual(FIELDS)
    expect(connected).toMatchObject({ endpoint: uri, backend, peer: `127.0.0.1:${port}` })
    expect(connected.local).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(connected.elapsedMs).toBeGreaterThan(0)
    expect(Object.keys(error)).toEqual(ERROR_FIELDS)
    expect(error).toMatchObject({
      endpoint: `tcp://127.0.0.1:${closed}`,
      local: null,
      peer: `127.0.0.1:${closed}`,
      code: 'ECONNREFUSED',
      errno: -111,
      phase: 'connect',
      localFault: false,
    })
    expect([code, stderr]).toEqual([1, ''])
  })

  it('--send: the answer alone goes to stdout, until the peer ends', async () => {
    const { uri } = await listen((socket) => socket.on('data', (data) => socket.end(`<${data}>`)))
    const { code, stdout, stderr } = await connect(uri, '--send', 'hello\\r\\n\\x41')
    expect(stdout).toBe('<hello\r\nA>')
    expect(stderr).toMatch(/^connected .*\n$/)
    expect(code).toBe(0)
  })

  it('--send: gets the answer of a server that drops who ends first', async () => {
    const server = createHttpServer((_, response) => setTimeout(() => response.end('late'), 100))
    onTestFinished(() => void server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const request = 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'
    const { code, stdout } = await connect(`tcp://127.0.0.1:${port}`, '--send', request)
    expect(stdout).toMatch(/^HTTP\/1.1 200 OK[\s\S]*late$/)
    expect(code).toBe(0)
  })

  it('--send: leaves a silent peer after the timeout', async () => {
    const { uri } = await listen()
    const { code, stdout, stderr } = await connect(uri, '--send', 'x', '--timeout-ms', '200')
    expect(stderr).toMatch(/^connected .*\npollout: .* nothing more for 200 ms and was left\n$/)
    expect([code, stdout]).toEqual([0, ''])
  })

  it('--send: whole answers of several peers, one after the other', async () => {
    const talk = (name: string) => (socket: import('node:net').Socket) => {
      socket.write(`${name}1 `)
      setTimeout(() => socket.end(`${name}2 `), 50)
    }
    const [a, b] = [await listen(talk('a')), await listen(talk('b'))]
    const { stdout } = await connect(a.uri, b.uri, '--send', 'x')
    expect(['a1 a2 b1 b2 ', 'b1 b2 a1 a2 ']).toContain(stdout)
  })

  it('--send: a connection that breaks is an error', async () => {
    const { uri } = await listen((socket) => socket.on('data', () => socket.resetAndDestroy()))
    const { code, stderr } = await connect(uri, '--send', 'x')
    expect(stderr).toMatch(/^connected .*\nfailed .* ECONNRESET .*\n$/)
    expect(code).toBe(1)
    const json = await connect(uri, '--send', 'x', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({
      event: 'error',
      code: 'ECONNRESET',
      phase: 'receive',
    })
  })

  it('--send --json: the answer is a field', async () => {
    const { uri } = await listen((socket) => socket.on('data', () => socket.end('an\nswer')))
    const { code, lines } = await connect(uri, '--send', 'x', '--json')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ event: 'connected', received: 'an\nswer' })
    expect(code).toBe(0)
  })

  it('--send --json: a flood is cut', async () => {
    const { uri } = await listen((socket) => socket.end(Buffer.alloc(2_000_000, 'x')))
    const { lines } = await connect(uri, '--send', 'x', '--json')
    expect(JSON.parse(lines[0] ?? '').received).toHaveLength(65_536)
  })

  it('--send: Ctrl-C while waiting ends with 130', async () => {
    const { uri } = await listen((socket) => socket.write('begun'))
    const child = start(['connect', '--backend', backend, uri, '--send', 'x'])
    const { code, stdout } = await finish(child, { onFirstOutput: () => child.kill('SIGINT') })
    expect([code, stdout]).toEqual([130, 'begun'])
  })
})

it('says in one line that the portable backend is used', async () => {
  const { uri } = await listen()
  const { code, stdout, stderr } = await pollout(['connect', uri], { nodeArgs: ['--no-addons'] })
  expect(stderr).toMatch(
    /^pollout: the native backend is not available \(.+\); using the portable[^\n]*\n$/,
  )
  expect(stdout).toMatch(/, net\)\n$/)
  expect(code).toBe(0)
})
