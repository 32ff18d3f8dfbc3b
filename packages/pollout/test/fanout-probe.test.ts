/** What `pollout fanout` does on connections: against real servers, TLS included. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isNativeBackendAvailable } from '../src/index.js'
import { certificate, finish, listen, pollout, start } from './harness.js'

const backends = isNativeBackendAvailable().available ? ['native', 'net'] : ['net']

describe.each(backends)('on %s', (backend) => {
  const reports = async (args: readonly string[]) => {
    const run = await pollout(['fanout', '--backend', backend, '--json', ...args])
    expect(run.code, run.stderr).not.toBe(2)
    return run.lines.map((line) => JSON.parse(line))
  }

  it('--banner keeps the beginning of what the peer says', async () => {
    const { uri } = await listen((socket) => socket.write('220 mail.example ready\r\n'))
    const [whole] = await reports([uri, '--banner'])
    expect(whole).toMatchObject({
      kind: 'connected',
      probe: { banner: '220 mail.example ready\r\n', bannerEnd: 'silent' },
    })
    const [cut] = await reports([uri, '--banner', '3'])
    expect(cut.probe).toMatchObject({ banner: '220', bannerEnd: 'full' })
  })

  it('--banner tells how it ended, and keeps bytes', async () => {
    const ended = await listen((socket) => socket.end(Buffer.from('fffb01', 'hex')))
    const reset = await listen((socket) => {
      socket.write('x', () => setTimeout(() => socket.resetAndDestroy(), 100))
    })
    const trickling = await listen((socket) => {
      const timer = setInterval(() => socket.write('.'), 20)
      socket.on('close', () => clearInterval(timer))
    })
    const uris = [ended.uri, reset.uri, trickling.uri]
    const all = await reports([...uris, '--banner', '--answer-timeout-ms', '1000'])
    const byEndpoint = new Map(all.map((report) => [report.endpoint, report]))
    expect(byEndpoint.get(ended.uri)).toMatchObject({
      kind: 'connected',
      probe: { banner: '\ufffd\ufffd\x01', bannerBase64: '//sB', bannerEnd: 'ended' },
    })
    expect(byEndpoint.get(reset.uri).probe).toMatchObject({ banner: 'x', bannerEnd: 'reset' })
    expect(byEndpoint.get(trickling.uri).probe.bannerEnd).toBe('timed-out')
  })

  it('--expect is bounded in work and in time, whatever a peer sends', async () => {
    const text = Buffer.from('SSH-'.repeat(16_000))
    const hostile = await listen((socket) => {
      socket.setNoDelay(true)
      let at = 0
      const timer = setInterval(() => {
        socket.write(text.subarray(at, at + 2_000))
        at += 2_000
      }, 1)
      socket.on('close', () => clearInterval(timer))
    })
    const tiny = await listen((socket) => {
      const timer = setInterval(() => socket.write('SSH-'), 1)
      socket.on('close', () => clearInterval(timer))
    })
    const patient = ['--answer-timeout-ms', '2000']
    const args = [hostile.uri, tiny.uri, '--expect', '/SSH-.*-(.*)+OpenSSH/', ...patient]
    for (const { code, probe } of await reports(args)) {
      expect(['ERR_ANSWER_TIMEOUT', 'ERR_NO_MATCH']).toContain(code)
      expect(probe.banner).toMatch(/^(SSH-)+$/)
    }
  })

  it('--banner of a peer that waits for us is empty', async () => {
    const { uri } = await listen()
    const [report] = await reports([uri, '--banner', '--answer-timeout-ms', '200'])
    expect(report).toMatchObject({ kind: 'connected', probe: { banner: '', bannerEnd: 'silent' } })
    expect(report.probe.probeMs).toBeGreaterThan(190)
  })

  it('--send and --expect', async () => {
    const { uri } = await listen((socket) =>
      socket.on('data', (data) => {
        socket.write(`<${String(data).trim()}`)
        setTimeout(() => socket.write('>'), 20)
      }),
    )
    const args = [uri, '--send', 'PING\\r\\n']
    expect(await reports([...args, '--expect', '/^<PING>$/'])).toMatchObject([
      { kind: 'connected', probe: { banner: '<PING>', matched: true } },
    ])
    expect(
      await reports([...args, '--expect', 'pong', '--answer-timeout-ms', '200']),
    ).toMatchObject([
      {
        event: 'error',
        kind: 'probe-failed',
        code: 'ERR_ANSWER_TIMEOUT',
        phase: 'receive',
        probe: { matched: false },
      },
    ])
  })

  it('an answer that ends without the pattern has failed, and so has a reset', async () => {
    const ended = await listen((socket) => socket.end('bye'))
    const reset = await listen((socket) => socket.on('data', () => socket.resetAndDestroy()))
    const args = [ended.uri, reset.uri, '--send', 'x', '--expect', 'hello']
    const byEndpoint = new Map((await reports(args)).map((report) => [report.endpoint, report]))
    expect(byEndpoint.get(ended.uri)).toMatchObject({ kind: 'probe-failed', code: 'ERR_NO_MATCH' })
    expect(byEndpoint.get(reset.uri)).toMatchObject({ kind: 'probe-failed', code: 'ECONNRESET' })
  })

  it('a flood is read no further than it has to', async () => {
    const { uri } = await listen((socket) => void socket.write(Buffer.alloc(5_000_000, 'x')))
    const [report] = await reports([uri, '--expect', 'y'])
    expect(report).toMatchObject({ kind: 'probe-failed', code: 'ERR_NO_MATCH' })
    expect(report.probe.banner).toHaveLength(1_024)
  })

  it('retries a probe where that is asked for', async () => {
    let connections = 0
    const { uri } = await listen((socket) => socket.end(`${++connections}`))
    const args = [uri, '--expect', '2', '--retries', '2', '--retry-on', 'probe-failed']
    expect(await reports(args)).toMatchObject([{ kind: 'connected', tries: 2 }])
  })

  it('no more than so many are looked at at once', async () => {
    let [open, most] = [0, 0]
    const { port } = await listen(
      (socket) => {
        most = Math.max(most, ++open)
        socket.on('close', () => open--)
        setTimeout(() => socket.end('x'), 30)
      },
      { host: '0.0.0.0' },
    )
    const all = await reports([`127.0.0.0/26:${port}`, '--expect', 'x', '-c', '5'])
    expect(all.filter(({ kind }) => kind === 'connected')).toHaveLength(64)
    // The server hears of an end a little later than the next one of us begins.
    expect(most).toBeLessThanOrEqual(10)
    expect(most).toBeGreaterThan(1)
  })

  it('any number of probes is no leak of listeners', async () => {
    const { port } = await listen((socket) => socket.write('x'), { host: '0.0.0.0' })
    const args = ['fanout', '--backend', backend, `127.0.0.0/26:${port}`, '--banner', '--silent']
    const run = await pollout(args)
    expect([run.lines.length, run.stderr]).toEqual([64, ''])
  })

  it('--tls tells whose certificate it is, trusted or not', async () => {
    const { key, cert } = certificate()
    const server = createServer({ key, cert }, (socket) => {
      socket.on('error', () => {})
      socket.end('inside')
    })
    onTestFinished(() => void server.close())
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const [report] = await reports([
      `127.0.0.1:${port}`,
      '--tls',
      '--sni',
      'unit.example',
      '--banner',
    ])
    expect(report).toMatchObject({
      kind: 'connected',
      probe: {
        tls: {
          protocol: 'TLSv1.3',
          authorized: false,
          authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT',
          certificate: {
            subject: 'unit.example',
            issuer: 'unit.example',
            altNames: ['DNS:unit.example'],
          },
        },
        banner: 'inside',
      },
    })
    const { validFrom, validTo, fingerprint } = report.probe.tls.certificate
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBe(2 * 86_400_000)
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/)
  })

  it('--tls to what is none, or says nothing, has failed', async () => {
    const plain = await listen((socket) => socket.end('220 hello\r\n'))
    const mute = await listen()
    const args = [plain.uri, mute.uri, '--tls', '--tls-timeout-ms', '300']
    const byEndpoint = new Map((await reports(args)).map((report) => [report.endpoint, report]))
    expect(byEndpoint.get(plain.uri)).toMatchObject({ kind: 'probe-failed', phase: 'tls' })
    expect(byEndpoint.get(mute.uri)).toMatchObject({
      kind: 'probe-failed',
      code: 'ETIMEDOUT',
      phase: 'tls',
    })
  })

  it('Ctrl-C breaks probes off', async () => {
    const { port } = await listen((socket) => socket.write('x'))
    const closed = `tcp://127.0.0.2:${port}`
    const child = start([
      'fanout',
      '--backend',
      backend,
      closed,
      `127.0.0.1:${port}`,
      '--json',
      '--expect',
      'y',
    ])
    const run = await finish(child, { onFirstOutput: () => child.kill('SIGINT') })
    expect(run.lines.map((line) => JSON.parse(line).endpoint)).toEqual([closed])
    expect(run.stderr).toMatch(/\nstopped after 1 target,/)
    expect(run.code).toBe(130)
  })
})
