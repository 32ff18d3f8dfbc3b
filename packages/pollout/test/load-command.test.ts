/** `pollout load`, run as a user does, against servers of this process. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { unusedPort } from '@pollout/test-servers'
import { afterEach, describe, expect, it } from 'vitest'
import { CLI, finish, listen, pollout, start } from './harness.js'

/** What a busy machine says of a run is not what these are about. */
const DONE = [0, 4]

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

interface Seen {
  readonly url: string
  readonly requests: { readonly method: string; readonly url: string; readonly body: string }[]
  readonly headers: NodeJS.Dict<string | string[]>[]
}

async function web(status = 200): Promise<Seen> {
  const seen: Omit<Seen, 'url'> = { requests: [], headers: [] }
  const server = createHttpServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    seen.requests.push({ method: request.method ?? '', url: request.url ?? '', body })
    seen.headers.push(request.headers)
    response.writeHead(status).end('hello\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close(() => {}).closeAllConnections())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/path?q=1`, ...seen }
}

const SHORT = ['-R', '100', '-d', '500ms', '-c', '4']

describe('pollout load', () => {
  it('loads a web server, and says what became of it', async () => {
    const { url, requests, headers } = await web()
    const { code, stdout, stderr } = await pollout(['load', url, ...SHORT])
    expect(DONE).toContain(code)
    expect(stderr).toBe('')
    expect(stdout).toMatch(
      /^50 requests in 0\.50 s, 100\/s of 100 asked for, 50 answered, 0 failed/,
    )
    expect(stdout).toMatch(/response, from when it was due/)
    expect(stdout).toMatch(/open loop, backend (native|net), .*seed \d+/)
    expect(requests).toHaveLength(50)
    expect(requests[0]).toEqual({ method: 'GET', url: '/path?q=1', body: '' })
    expect(headers[0]).toMatchObject({ 'user-agent': 'pollout', accept: '*/*' })
  })

  it('has methods, headers, and bodies with fields', async () => {
    const { url, requests, headers } = await web()
    const request = [
      '-X',
      'POST',
      '-H',
      'X-Test: yes',
      '--body',
      'id={{counter:4}}&n={{number:1-9}}',
    ]
    await pollout(['load', url, ...SHORT, ...request])
    expect(requests.map(({ method, body }) => `${method} ${body.slice(0, 7)}`)).toContain(
      'POST id=0007',
    )
    for (const { body } of requests) expect(body).toMatch(/^id=\d{4}&n=[1-9]$/)
    expect(headers[0]).toMatchObject({ 'x-test': 'yes', 'content-length': '11' })
  })

  it('--json is the whole of it', async () => {
    const { url } = await web()
    const { stdout, lines } = await pollout([
      ...['load', url, ...SHORT, '--json', '--seed', '5', '--poisson'],
    ])
    expect(lines).toHaveLength(1)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ schema: 'pollout-load/1', loop: 'open', seed: 5 })
    expect(result.requests.answered).toBe(result.requests.total)
    expect(result.requests.codes).toEqual({ 200: result.requests.total })
    expect(result.times.response.histogram).toMatch(/^[A-Za-z0-9+/]+=*$/)
  })

  it('counts what is not wanted, and fails by thresholds', async () => {
    const { url } = await web(500)
    const { code, stdout } = await pollout([
      ...[
        'load',
        url,
        ...SHORT,
        '--threshold',
        'errors<1%',
        '--threshold',
        'max<1m'.replace('1m', '60s'),
      ],
    ])
    // Nobody has answered as was wanted.
    expect(code).toBe(1)
    expect(stdout).toMatch(/not what was wanted: 50/)
    expect(stdout).toMatch(/MISSED: errors<1% \(100\.000 %\)/)
    expect(stdout).toMatch(/met: max<60s/)
  })

  it('any bytes: what is sent, and where an answer ends', async () => {
    const { uri } = await listen((socket) =>
      socket.on('data', (chunk) => {
        for (const line of chunk.toString().split('\n')) if (line) socket.write(`${line}!\r\n`)
      }),
    )
    const { stdout } = await pollout([
      ...[
        'load',
        uri,
        ...SHORT,
        '--send',
        'hi {{text:3}}\\n',
        '--until',
        '\\r\\n',
        '--expect',
        'hi ',
      ],
    ])
    expect(stdout).toMatch(/^50 requests .* 50 answered, 0 failed/)
  })

  it('a closed loop has no rate of its own', async () => {
    const { url } = await web()
    const { stdout } = await pollout(['load', url, '--closed', '-d', '300ms', '-c', '2'])
    expect(stdout).toMatch(/requests in .*\/s, .* answered, 0 failed/)
    expect(stdout).toMatch(/closed loop/)
  })

  it('nobody listens: it says so, and ends with 1', async () => {
    const port = await unusedPort()
    const { code, stdout } = await pollout(['load', `http://127.0.0.1:${port}/`, ...SHORT])
    expect(code).toBe(1)
    expect(stdout).toMatch(/not connected: ECONNREFUSED: 50/)
    expect(stdout).not.toMatch(/response, from/)
  })

  it('Ctrl-C tells what there is so far, and ends with 130', async () => {
    const { url, requests } = await web()
    const child = start(['load', url, '-R', '50', '-d', '60s', '-c', '2'])
    const finished = finish(child)
    while (requests.length < 5) await new Promise((resolve) => setTimeout(resolve, 20))
    child.kill('SIGINT')
    const { code, stdout } = await finished
    expect(code).toBe(130)
    expect(stdout).toMatch(/^stopped early: \d+ requests/)
  })

  it('a full disk is told, and ends with 3', async () => {
    const { url } = await web()
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [CLI, 'load', url, ...SHORT, '--silent'], {
      stdio: ['ignore', full, 'pipe'],
    })
    const { code, stderr } = await finish(child)
    expect(code).toBe(3)
    expect(stderr).toMatch(/can't write to standard output: ENOSPC/)
  })

  it.each<[string, RegExp]>([
    ['load', /missing required argument 'target'/],
    ['load tcp://127.0.0.1:1', /say how a response ends/],
    ['load tcp://127.0.0.1:1 --until \\n', /say what is to be sent/],
    ['load tcp://127.0.0.1:1 --send x --until \\n --bytes 3', /one way/],
    ['load http://127.0.0.1:1/ --closed -R 5', /--closed has no rate/],
    ['load http://127.0.0.1:1/ --stages 10:1s -R 5', /--stages has the rates/],
    ['load http://127.0.0.1:1/ --stages 10', /Write stages as/],
    ['load http://127.0.0.1:1/ -d never', /Write a time/],
    ['load http://127.0.0.1:1/ --threshold p99<5', /needs its unit/],
    ['load http://127.0.0.1:1/ --send x --body y', /--send is the whole request/],
    ['load http://127.0.0.1:1/ --body {{number:9-1}}', /is no field/],
    ['load http://127.0.0.1:1/ -H nonsense', /Write a header/],
    ['load http:// ', /no URL/],
    ['load nonsense --send x --bytes 1', /write http:/],
  ])('%s: ends with 2, and says what to write', async (line, message) => {
    const { code, stderr, stdout } = await pollout(line.trim().split(' '))
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})
