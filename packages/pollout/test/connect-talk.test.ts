/** What `pollout connect` sends and takes: standard input, TLS, and answers that are bounded in bytes and in time. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isNativeBackendAvailable } from '../src/index.js'
import { certificate, finish, listen, pollout, start } from './harness.js'

const backends = isNativeBackendAvailable().available ? ['native', 'net'] : ['net']

/** Takes all, says nothing, and answers the end of the stream with what it has got. */
function afterTheEnd(socket: Socket): void {
  const got: Buffer[] = []
  socket.on('data', (data: Buffer) => got.push(data))
  socket.prependOnceListener('end', () => socket.end(Buffer.concat(got)))
}

async function tlsServer(): Promise<number> {
  const server = createServer(certificate(), (socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => socket.end(`<${data}>`))
  })
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

describe.each(backends)('pollout connect --backend %s', (backend) => {
  const connect = (...args: string[]) => pollout(['connect', '--backend', backend, ...args])

  it('takes host:port', async () => {
    const { port } = await listen()
    const v6 = await listen(() => {}, { host: '::1' })
    const { lines, code } = await connect(
      `127.0.0.1:${port}`,
      `localhost:${port}`,
      `[::1]:${v6.port}`,
    )
    expect([lines.length, code]).toEqual([3, 0])
    for (const line of lines) expect(line).toMatch(/^connected tcp:\/\//)
  })

  it('tls:// makes a handshake, checks the certificate, and says what to do', async () => {
    const uri = `tls://127.0.0.1:${await tlsServer()}`
    const checked = await connect(uri)
    expect(checked.stderr).toMatch(
      /^failed tls:\/\/127\S+ after .* certificate .*\(or --insecure\)\n$/,
    )
    expect(checked.code).toBe(1)
    const taken = await connect(uri, '--insecure', '--send', 'x')
    expect(taken.stdout).toBe('<x>')
    expect(taken.stderr).toMatch(/^connected tls:\/\/127\S+ in .* TLSv1\.3, /)
    const [line = ''] = (await connect(uri, '--insecure', '--json')).lines
    expect(JSON.parse(line)).toMatchObject({ endpoint: uri, tls: { protocol: 'TLSv1.3' } })
    const plain = await listen((socket) => socket.end('220 hello\r\n'))
    const failed = await connect(plain.uri.replace('tcp', 'tls'), '--json')
    expect(JSON.parse(failed.stdout)).toMatchObject({ event: 'error', phase: 'tls' })
  })

  it('--send - sends what is piped in, byte for byte, and passes its end on', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) % 256))
    const got: Buffer[] = []
    const { uri } = await listen((socket) => {
      socket.on('data', (data) => got.push(data))
      socket.prependOnceListener('end', () => socket.end('thanks'))
    })
    const args = ['connect', '--backend', backend, uri, '--send', '-']
    const { code, stdout } = await pollout(args, { stdin: bytes })
    expect([code, stdout]).toEqual([0, 'thanks'])
    expect(Buffer.concat(got).equals(bytes)).toBe(true)
  })

  it('--send - waits for what is typed, however long, and ends with the peer', async () => {
    const { uri } = await listen(afterTheEnd)
    const args = ['connect', '--backend', backend, uri, '--send', '-', '--timeout-ms', '50']
    const child = start(args, { stdin: 'open' })
    const finished = finish(child)
    await once(child.stderr as NodeJS.ReadableStream, 'readable')
    child.stdin?.write('one ')
    await new Promise((resolve) => setTimeout(resolve, 300))
    child.stdin?.end('two')
    expect(await finished).toMatchObject({ code: 0, stdout: 'one two' })
  })

  it('an answer that trickles for ever ends after --answer-timeout-ms, with 1', async () => {
    const { uri } = await listen((socket) => {
      const timer = setInterval(() => socket.write('.'), 20)
      socket.on('close', () => clearInterval(timer))
    })
    const args = [uri, '--send', 'x', '--answer-timeout-ms', '600']
    const text = await connect(...args)
    expect(text.stdout).toMatch(/^\.+$/)
    expect(text.stderr).toMatch(/\npollout: .* after 600 ms \(--answer-timeout-ms\)\n$/)
    const json = await connect(...args, '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ event: 'connected', receivedEnd: 'timed-out' })
    expect([text.code, json.code]).toEqual([1, 1])
  })

  it('--json: bytes that are no text can be restored', async () => {
    const { uri } = await listen((socket) => socket.on('data', (data) => socket.end(data)))
    const { stdout } = await connect(uri, '--send', '\\xff\\xfb\\x01', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ receivedBase64: '//sB', receivedEnd: 'ended' })
    expect(JSON.parse(stdout)).not.toHaveProperty('truncated')
  })
})

it.skipIf(process.platform !== 'linux')(
  '--json of an endless peer: flat memory, and an end as soon as all is sent',
  async () => {
    const block = Buffer.alloc(65_536, 'a')
    let sent = 0
    let isEnough = (): void => {}
    const enough = new Promise<void>((resolve) => {
      isEnough = resolve
    })
    const { uri } = await listen((socket) => {
      const go = (): void => {
        do sent += block.length
        while (socket.write(block))
        if (sent > 200 * 1_048_576) isEnough()
      }
      socket.on('drain', go)
      go()
    })
    // While there is more to send, it reads on.
    const child = start(['connect', uri, '--send', '-', '--json'], { stdin: 'open' })
    const finished = finish(child)
    await enough
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    expect(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1_024).toBeLessThan(200)
    child.stdin?.end('x')
    const { code, stdout } = await finished
    expect(JSON.parse(stdout)).toMatchObject({ truncated: true, receivedEnd: 'full' })
    expect([JSON.parse(stdout).received.length, code]).toEqual([65_536, 0])
  },
)

it.each([
  ['connect 127.0.0.1', /no port|not an endpoint/],
  ['connect a:1 b:2 --send -', /to one endpoint; name one/],
  ['connect tcp://127.0.0.1:1 --answer-timeout-ms 0', /from 1/],
  ['connect [1.2.3.4]:80', /not an IPv6 address/],
])('%s', async (line, expected) => {
  const { code, stderr } = await pollout(line.split(' '))
  expect(stderr).toMatch(expected)
  expect(code).toBe(2)
})
