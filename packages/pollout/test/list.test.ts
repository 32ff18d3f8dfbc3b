import { describe, expect, it } from 'vitest'
import { LineSplitter, LONGEST_LINE } from '../src/cli/line-splitter.js'
import { escapedText } from '../src/cli/option-values.js'
import { Tally } from '../src/cli/tally.js'
import { readTargets } from '../src/cli/target-list.js'

function split(...chunks: (string | Buffer)[]) {
  const splitter = new LineSplitter()
  const lines = chunks.flatMap((chunk) => [...splitter.lines(Buffer.from(chunk))])
  return [...lines, ...splitter.rest()]
}

describe('LineSplitter', () => {
  it.each([
    ['nothing', [''], []],
    ['one line without an end', ['a'], ['a']],
    ['one line', ['a\n'], ['a']],
    ['blank lines', ['\n\na\n'], ['', '', 'a']],
    ['lines across chunks', ['ab', 'c\nd', '', 'e\n', 'f'], ['abc', 'de', 'f']],
    ['a character across chunks', [Buffer.from([0xc3]), Buffer.from([0xa4, 0x0a])], ['ä']],
    ['bytes that are no text', [Buffer.from([0xff, 0x00, 0x0a])], ['\uFFFD\0']],
  ])('splits %s', (_, chunks, expected) => {
    expect(split(...chunks).map((line) => line.text)).toEqual(expected)
  })

  it('numbers lines and tells where they end', () => {
    const lines = split('ab\nc', 'd\n\n', 'e')
    expect(lines.map((line) => line.number)).toEqual([1, 2, 3, 4])
    expect(lines.map((line) => line.endOffset)).toEqual([3, 6, 7, 8])
  })

  it.each([
    ['in one chunk', [`${'x'.repeat(LONGEST_LINE + 1)}\nok\n`]],
    ['in many', [...Array.from({ length: 50 }, () => 'x'.repeat(1_000)), '\nok\n']],
  ])('cuts a line that is too long, %s', (_, chunks) => {
    const [long, ok] = split(...chunks)
    expect(long).toMatchObject({ overlong: true, number: 1 })
    expect(long?.text).toHaveLength(LONGEST_LINE)
    expect(ok).toMatchObject({ overlong: false, number: 2, text: 'ok' })
  })

  it('takes the longest line whole', () => {
    const text = 'x'.repeat(LONGEST_LINE)
    expect(split(`${text}\n`)[0]).toMatchObject({ overlong: false, text })
    expect(split(text)[0]).toMatchObject({ overlong: false, text })
  })
})

describe('readTargets', () => {
  async function* once(text: string) {
    yield Buffer.from(text)
  }

  it('gives endpoints, passes over comments, and tells malformed lines apart', async () => {
    const malformed: [string, number, string][] = []
    const list = '\uFEFF# hosts\r\n\r\n tcp://h:1 \r\nh:1\n  # more\nunix:@x\nunix:a\0b'
    const targets = []
    const listener = {
      malformed: (...args: [string, number, string]) => void malformed.push(args),
      position: () => {},
      room: () => undefined,
    }
    for await (const target of readTargets(once(list), listener)) targets.push(target)
    expect(targets).toEqual([
      { scheme: 'tcp', host: 'h', port: 1 },
      { scheme: 'unix', path: '\0x' },
    ])
    expect(malformed.map(([raw, line]) => [raw, line])).toEqual([
      ['h:1', 4],
      ['unix:a\0b', 7],
    ])
    expect(malformed[0]?.[2]).toMatch(/^line 4: "h:1" is not an endpoint; write tcp:/)
  })

  it('holds the reading up while there is no room', async () => {
    let makeRoom = (): void => {}
    let room: Promise<void> | undefined = new Promise((resolve) => {
      makeRoom = resolve
    })
    const listener = { malformed: () => {}, position: () => {}, room: () => room }
    const targets = readTargets(once('tcp://h:1\ntcp://h:2'), listener)
    let pulled = false
    const first = targets.next().then(() => {
      pulled = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(pulled).toBe(false)
    room = undefined
    makeRoom()
    await first
    await targets.return()
  })
})

describe('--send', () => {
  it.each([
    ['plain ä', 'plain ä'],
    ['a\\r\\n\\t\\0\\\\n', 'a\r\n\t\0\\n'],
    ['\\x41\\x7a', 'Az'],
    ['', ''],
  ])('reads %j', (text, expected) => {
    expect(Buffer.from(escapedText(text)).toString()).toBe(expected)
  })

  it('reads \\xHH as a byte', () => {
    expect([...escapedText('\\xff')]).toEqual([0xff])
  })

  it.each(['\\q', '\\x4', 'end\\'])('refuses %j', (text) => {
    expect(() => escapedText(text)).toThrow(/escape/)
  })
})

describe('Tally', () => {
  it('counts and gives percentiles', () => {
    const tally = new Tally()
    for (let ms = 1; ms <= 1_000; ms++) tally.addConnected(ms)
    tally.addConnected(0)
    tally.addFailed('refused', 'ECONNREFUSED')
    tally.addFailed('invalid', 'ERR_INVALID_ENDPOINT')
    expect(tally).toMatchObject({ total: 1_003, connected: 1_001, tried: 1_002 })
    expect(tally.rows[0]).toEqual({ kind: 'connected', code: '', count: 1_001 })
    const latencies = new Map(tally.latenciesMs)
    expect(latencies.get('p50')).toBeCloseTo(500, -1)
    expect(latencies.get('p99')).toBeCloseTo(990, -1)
    expect(latencies.get('max')).toBeCloseTo(1_000, -1)
  })
})
