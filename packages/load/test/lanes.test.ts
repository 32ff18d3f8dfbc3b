/** The contract of the exchange lane, on all that there are: they can't be told apart but by their speed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errno, type ResponseFraming, systemClock } from '@pollout/core'
import { expect, it, onTestFinished } from 'vitest'
import { answering, describeLanes, echoing, inet, serve, type ToldExchange } from './lane-kit.js'

/** Nobody listens there. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

function inOrder(times: readonly number[]): boolean {
  return times.every((time, i) => i === 0 || time >= (times[i - 1] as number))
}

function isOrdered({ freeAt, sentAt, firstAt, receivedAt, doneAt }: ToldExchange): boolean {
  return inOrder([freeAt, sentAt, firstAt, receivedAt, doneAt])
}

describeLanes('exchanges', (open) => {
  it('are each told once, with their moments in order', async () => {
    const server = await serve(echoing)
    const lane = open(server.address, { connections: 4 })
    lane.submit(200)
    const told = await lane.told(200)
    expect(told.map(({ id }) => id)).toEqual(told.map((_, i) => i))
    expect(
      told.every(({ end, bytes, status }) => end === 'ANSWERED' && bytes === 1 && status === 0),
    ).toBe(true)
    expect(told.filter((one) => !isOrdered(one))).toEqual([])
    expect(new Set(told.map(({ connection }) => connection)).size).toBeGreaterThan(1)
    expect(server.received()).toBe('?'.repeat(200))
    expect(server.accepted()).toBe(4)
  })

  it('are not sent before their time, and late ones are sent all the same', async () => {
    const server = await serve(echoing)
    const lane = open(server.address)
    const now = systemClock.now()
    const moments = [now / 2, now + 20, now + 20, now + 60, now + 90]
    lane.submitAt(moments)
    const told = await lane.told(5)
    for (const [i, { sentAt, intendedAt }] of told.entries()) {
      expect(intendedAt).toBeCloseTo(moments[i] as number, 2)
      expect(sentAt).toBeGreaterThanOrEqual((moments[i] as number) - 0.001)
    }
    expect(inOrder(told.map(({ sentAt }) => sentAt))).toBe(true)
  })

  it('go to each peer in turn', async () => {
    const servers = [await serve(echoing), await serve(echoing)]
    const lane = open(
      servers.map(({ address }) => address),
      { connections: 4 },
    )
    await lane.toldOfConnections(4)
    expect(lane.connectionsTold.map(({ peer }) => peer).sort()).toEqual([0, 0, 1, 1])
  })

  it('go over unix sockets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pollout-load-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const server = await serve(echoing, undefined, join(folder, 'socket'))
    const lane = open(server.address, { connections: 2 })
    lane.submit(20)
    expect((await lane.told(20)).every(({ end }) => end === 'ANSWERED')).toBe(true)
  })

  it('have several under way on one connection, however the answers are cut', async () => {
    let waiting = 0
    const server = await serve((socket, chunk) => {
      for (waiting += chunk.length; waiting >= 8; waiting -= 8) {
        for (const byte of 'abcdefgh') socket.write(byte)
      }
    })
    const lane = open(server.address, { depth: 8 })
    lane.submit(24)
    const told = await lane.told(24)
    expect(told.every(({ end, bytes }) => end === 'ANSWERED' && bytes === 1)).toBe(true)
    expect(server.accepted()).toBe(1)
  })

  it('have a connection of their own each, or share one with so many', async () => {
    const server = await serve(echoing)
    const each = open(server.address, { connections: 4, eager: false, exchangesPerConnection: 1 })
    each.submit(50)
    await each.told(50)
    await each.until(() => each.events().filter((event) => event === 'CLOSED').length === 50)
    expect(server.accepted()).toBe(50)
    expect(
      each.connectionsTold
        .filter(({ event }) => event === 'CLOSED')
        .every(({ exchanges }) => exchanges === 1),
    ).toBe(true)
    const some = open(server.address, { connections: 1, eager: false, exchangesPerConnection: 10 })
    some.submit(50)
    expect((await some.told(50)).every(({ end }) => end === 'ANSWERED')).toBe(true)
    expect(server.accepted()).toBe(55)
  })

  it('are filled in as the seed says, by every lane alike', async () => {
    const server = await serve(echoing)
    const lane = open(server.address, {
      response: { kind: 'fixed', bytes: 20 },
      requests: [
        [
          { bytes: Buffer.from('<') },
          { counter: { first: 95, digits: 3 } },
          { number: { least: 5, most: 50_000 } },
          { text: 10 },
          { bytes: Buffer.from('>') },
        ],
      ],
    })
    lane.submit(10)
    await lane.told(10)
    const requests = server.received().match(/.{20}/g) ?? []
    expect(requests.map((request) => request.slice(1, 4))).toEqual(
      Array.from({ length: 10 }, (_, i) => String(95 + i).padStart(3, '0')),
    )
    for (const request of requests) expect(request).toMatch(/^<\d{3}\d{5}[0-9A-Za-z]{10}>$/)
    expect(requests).toMatchInlineSnapshot(`
      [
        "<09525104HyNz33nEND>",
        "<096023920uppDUjmNP>",
        "<097230464uwh2DC5O4>",
        "<09843754frMqCparcH>",
        "<09947612sSL7gj36Ax>",
        "<100150882uSvhEt83h>",
        "<10141441to0PfyftIb>",
        "<10247346upEC24UGH4>",
        "<10333313KfZqtCow5w>",
        "<10407953tN7rFtgztK>",
      ]
    `)
  })

  it('are told as unwanted where the answer is not as it should be', async () => {
    const server = await serve(
      (socket, _, seen) => void socket.write(seen.bytes % 2 ? 'yes\n' : 'no!\n'),
    )
    const lane = open(server.address, {
      response: { kind: 'delimited', delimiter: Buffer.from('\n') },
      check: { includes: Buffer.from('yes') },
    })
    lane.submit(4)
    expect((await lane.told(4)).map(({ end }) => end)).toEqual([
      'ANSWERED',
      'UNWANTED',
      'ANSWERED',
      'UNWANTED',
    ])
  })
})

describeLanes('framings', (open) => {
  const HTTP: ResponseFraming = { kind: 'http1', head: false }
  const RESP: ResponseFraming = { kind: 'resp' }
  it.each<[string, ResponseFraming, readonly string[], readonly number[]]>([
    ['a fixed size', { kind: 'fixed', bytes: 3 }, ['abc', 'def'], [0, 0]],
    ['a delimiter', { kind: 'delimited', delimiter: Buffer.from('aab') }, ['aaab', 'xaab'], [0, 0]],
    [
      'a length in front',
      { kind: 'length', at: 1, size: 2, littleEndian: false, adjust: 0 },
      ['T\0\x02hi', 'T\0\0'],
      [0, 0],
    ],
    [
      'a length that counts itself, little-endian',
      { kind: 'length', at: 0, size: 4, littleEndian: true, adjust: -4 },
      ['\x06\0\0\0hi', '\x04\0\0\0'],
      [0, 0],
    ],
    [
      'RESP',
      RESP,
      [
        ...[
          '+OK\r\n',
          '-ERR no\r\n',
          ':12\r\n',
          '$5\r\nhe\r\no\r\n',
          '$-1\r\n',
          '*-1\r\n',
          '*0\r\n',
        ],
        ...['*2\r\n$1\r\na\r\n*1\r\n:1\r\n', '%1\r\n+a\r\n_\r\n', '|1\r\n+ttl\r\n:3\r\n#t\r\n'],
        ...['>2\r\n+message\r\n+x\r\n+after a push\r\n', '!5\r\nERR a\r\n', '(123\r\n', ',1.5\r\n'],
        ...['=7\r\ntxt:abc\r\n', '~1\r\n+a\r\n'],
      ],
      [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    ],
    [
      'HTTP/1.1',
      HTTP,
      [
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
        'HTTP/1.1 204 No Content\r\n\r\n',
        'HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n',
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
        'HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n',
      ],
      [200, 204, 404, 304, 500],
    ],
    [
      'HTTP/1.1 to HEAD',
      { kind: 'http1', head: true },
      [
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
        'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n',
      ],
      [200, 200],
    ],
  ])('%s', async (_, response, answers, codes) => {
    // All in one, each by itself, and byte by byte.
    for (const cut of ['whole', 'each', 'bytes']) {
      const server = await serve((socket, _, seen) => {
        if (seen.bytes < answers.length) return
        if (cut === 'whole') return void socket.write(Buffer.from(answers.join(''), 'latin1'))
        for (const answer of answers) {
          const bytes = Buffer.from(answer, 'latin1')
          if (cut === 'each') socket.write(bytes)
          else for (const byte of bytes) socket.write(Buffer.of(byte))
        }
      })
      const lane = open(server.address, {
        response,
        depth: answers.length,
      })
      await lane.toldOfConnections(1)
      lane.submit(answers.length)
      const told = await lane.told(answers.length)
      expect(
        told.map(({ end }) => end),
        cut,
      ).toEqual(answers.map(() => 'ANSWERED'))
      expect(
        told.map(({ code }) => code),
        cut,
      ).toEqual(codes)
      expect(
        told.map(({ bytes }) => bytes),
        cut,
      ).toEqual(answers.map(({ length }) => length))
    }
  })

  it('a response of HTTP that ends with its connection', async () => {
    const server = await serve((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'))
    const lane = open(server.address, { response: HTTP })
    lane.submit(2)
    const told = await lane.told(2)
    expect(told.map(({ end, code }) => [end, code])).toEqual([
      ['ANSWERED', 200],
      ['ANSWERED', 200],
    ])
    expect(server.accepted()).toBeGreaterThanOrEqual(2)
  })

  it('a connection is not used again where HTTP says so', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'
    const server = await serve((socket) => void socket.write(answer))
    const lane = open(server.address, { response: HTTP })
    lane.submit(3)
    expect((await lane.told(3)).every(({ end }) => end === 'ANSWERED')).toBe(true)
    expect(server.accepted()).toBeGreaterThanOrEqual(3)
  })
})

describeLanes('what goes wrong', (open, name) => {
  it('nobody listens: each exchange that waits is told', async () => {
    const lane = open(inet(await closedPort()), { connections: 3 })
    lane.submit(10)
    const told = await lane.told(10)
    expect(told.map(({ end, status }) => [end, status])).toEqual(
      told.map(() => ['NOT_CONNECTED', -errno.ECONNREFUSED]),
    )
    expect(lane.events().every((event) => event === 'FAILED')).toBe(true)
  })

  it('a reset in the middle of a response', async () => {
    const server = await serve((socket) => {
      socket.write('a', () => socket.resetAndDestroy())
    })
    const lane = open(server.address, { response: { kind: 'fixed', bytes: 2 } })
    lane.submit(2)
    const told = await lane.told(2)
    for (const { end, status } of told) {
      expect([end, status]).toEqual(['LOST', -errno.ECONNRESET])
    }
  })

  it('an end in the middle of a response, and before any', async () => {
    const server = await serve((socket, _, seen) => void socket.end(seen.bytes > 1 ? '' : 'a'))
    const lane = open(server.address, { response: { kind: 'fixed', bytes: 2 }, depth: 2 })
    await lane.toldOfConnections(1)
    lane.submit(2)
    const told = await lane.told(2)
    expect(told.map(({ end }) => end)).toEqual(['CUT_SHORT', 'CUT_SHORT'])
  })

  it.each<[string, ResponseFraming, string]>([
    ['RESP', { kind: 'resp' }, 'HTTP/1.1 400 Bad Request\r\n'],
    ['RESP, a length', { kind: 'resp' }, '$x\r\n'],
    ['RESP, a line end', { kind: 'resp' }, '+a\n'],
    ['HTTP', { kind: 'http1', head: false }, '+OK\r\n'],
    [
      'HTTP, a chunk',
      { kind: 'http1', head: false },
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
    ],
    [
      'HTTP, two lengths',
      { kind: 'http1', head: false },
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    ],
    [
      'a length below its header',
      { kind: 'length', at: 0, size: 1, littleEndian: false, adjust: -1 },
      '\0',
    ],
  ])('garbage: %s', async (_, response, garbage) => {
    const server = await serve((socket) => void socket.write(garbage, 'latin1'))
    const lane = open(server.address, { response })
    lane.submit(2)
    expect((await lane.told(2)).map(({ end }) => end)).toEqual(['MALFORMED', 'MALFORMED'])
  })

  it.each<[string, ResponseFraming, string]>([
    [
      'a delimiter that never comes',
      { kind: 'delimited', delimiter: Buffer.from('\n') },
      'x'.repeat(2_000),
    ],
    [
      'a length',
      { kind: 'length', at: 0, size: 4, littleEndian: false, adjust: 0 },
      '\x7f\xff\xff\xff',
    ],
    ['RESP, a string', { kind: 'resp' }, '$999999999999\r\n'],
    ['RESP, an array', { kind: 'resp' }, '*999999999999\r\n'],
    [
      'HTTP, a header without end',
      { kind: 'http1', head: false },
      `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(2_000)}`,
    ],
    [
      'HTTP, a chunk',
      { kind: 'http1', head: false },
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n${'x'.repeat(2_000)}`,
    ],
  ])('too much: %s', async (_, response, answer) => {
    const server = await serve((socket) => void socket.write(answer, 'latin1'))
    const lane = open(server.address, { response, maxResponseBytes: 1_000 })
    lane.submit(1)
    expect((await lane.told(1)).map(({ end }) => end)).toEqual(['TOO_LARGE'])
  })

  it('an answer twice: what nobody asked for ends the connection', async () => {
    const server = await serve(answering('ab'))
    const lane = open(server.address)
    lane.submit(1)
    expect((await lane.told(1)).map(({ end }) => end)).toEqual(['ANSWERED'])
    await lane.until(() => lane.events().includes('UNASKED'))
  })

  it('an answer before anything was asked', async () => {
    const server = await serve(echoing, (socket) => {
      if (server.accepted() === 1) socket.write('hello')
    })
    const lane = open(server.address)
    await lane.until(() => lane.events().includes('UNASKED'))
    lane.submit(1)
    expect((await lane.told(1)).map(({ end }) => end)).toEqual(['ANSWERED'])
  })

  it('no answer: told at its deadline, and the connection is not used again', async () => {
    const server = await serve((socket, chunk) => {
      if (server.accepted() > 1) socket.write(chunk)
    })
    const lane = open(server.address, { timeoutMs: 500 })
    lane.submit(2)
    const [first, second] = await lane.told(2)
    expect(first?.end).toBe('TIMED_OUT')
    expect((first?.doneAt ?? 0) - (first?.sentAt ?? 0)).toBeGreaterThanOrEqual(499)
    expect(second?.end).toBe('ANSWERED')
  })

  it('no room in time: told as unsent, with no time of its own lost', async () => {
    const server = await serve(() => {})
    const lane = open(server.address, { timeoutMs: 100 })
    await lane.toldOfConnections(1)
    const now = systemClock.now()
    lane.submitAt([now, now, now + 150])
    const told = await lane.told(3)
    expect(told.map(({ end }) => end).slice(0, 2)).toEqual(['TIMED_OUT', 'UNSENT'])
    expect(told[1]?.sentAt).toBeNaN()
  })

  it('the server closes after so many: the connection is made again', async () => {
    const server = await serve((socket, chunk, seen) => {
      if (seen.bytes === 3) socket.end(chunk)
      else socket.write(chunk)
    })
    const lane = open(server.address)
    for (let i = 0; i < 9; i++) {
      lane.submit(1)
      await lane.told(i + 1)
      if (i % 3 !== 2) continue
      const ended = (i + 1) / 3
      await lane.until(
        () => lane.events().filter((event) => event === 'ENDED_BY_PEER').length === ended,
      )
    }
    expect(lane.ends()).toEqual(Array.from({ length: 9 }, () => 'ANSWERED'))
    expect(server.accepted()).toBeGreaterThanOrEqual(3)
  })

  it('a server that keeps only so many connections: the others are asked for with pauses, and nobody fails', async () => {
    const server = await serve(echoing, (socket) => {
      if (server.sockets.size > 1) socket.destroy()
    })
    const lane = open(server.address, { connections: 4 })
    lane.submit(200)
    const told = await lane.told(200)
    // What was sent on a connection that was about to go is lost with it.
    const failed = told.filter(({ end }) => end !== 'ANSWERED')
    expect(failed.every(({ end }) => end === 'CUT_SHORT' || end === 'LOST')).toBe(true)
    expect(failed.length).toBeLessThan(100)
    expect(server.accepted()).toBeLessThan(100)
  })

  it('an endless stream keeps nobody else from their turn', async () => {
    const flood = Buffer.alloc(60_000, 'x')
    const flooding = await serve((socket) => {
      const write = (): void => {
        while (!socket.destroyed && socket.write(flood));
      }
      socket.on('drain', write)
      write()
    })
    const calm = await serve(echoing)
    const lane = open([flooding.address, calm.address], {
      connections: 2,
      response: { kind: 'delimited', delimiter: Buffer.from('?') },
      maxResponseBytes: Number.MAX_SAFE_INTEGER,
      timeoutMs: 1_000,
    })
    await lane.toldOfConnections(2)
    lane.submit(50)
    const told = await lane.told(50)
    expect(told.filter(({ end }) => end === 'ANSWERED').length).toBe(49)
    expect(told.filter(({ end }) => end === 'TIMED_OUT').length).toBe(1)
    expect(name).toBeTruthy()
  })
})

describeLanes('an end', (open) => {
  it('stop(): what is queued is told so, what is under way goes on', async () => {
    const answers: (() => void)[] = []
    const server = await serve((socket, chunk) => void answers.push(() => socket.write(chunk)))
    const lane = open(server.address)
    await lane.toldOfConnections(1)
    lane.submit(5)
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    lane.stop()
    lane.submit(2)
    await lane.told(6)
    answers[0]?.()
    await lane.told(7)
    expect(lane.ends()).toEqual(['ANSWERED', ...Array.from({ length: 6 }, () => 'STOPPED')])
  })

  it('cancel(): nothing is told any more, and all is closed', async () => {
    const server = await serve(echoing)
    const lane = open(server.address, { connections: 10 })
    lane.submit(10_000)
    await lane.told(1)
    lane.cancel()
    const told = lane.exchangesTold.length
    while (server.sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    lane.cancel()
    lane.submit(1)
    expect(lane.exchangesTold.length).toBe(told)
    while (lane.reactor.stats().open > 0) await new Promise((resolve) => setTimeout(resolve, 1))
  })

  it('a reactor that is destroyed ends its lanes', async () => {
    const server = await serve(echoing)
    const lane = open(server.address, { connections: 5 })
    lane.submit(10_000)
    await lane.told(1)
    await lane.reactor.destroy()
    while (server.sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 1))
    lane.submit(1)
    lane.stop()
  })
})
