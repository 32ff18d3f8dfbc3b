/** Lists in files: lines, their index, and each target found again by its number. */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatEndpoint } from '@pollout/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Exclusions, NOTHING_EXCLUDED } from '../src/targets/exclusions.js'
import { LineSplitter, LONGEST_LINE } from '../src/targets/line-splitter.js'
import { ListChangedError, ListFile } from '../src/targets/list-file.js'
import { contentOf, type Listed, readLine } from '../src/targets/listed-line.js'
import { PortList } from '../src/targets/ports.js'

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

describe('contentOf', () => {
  const of = (text: string, overlong = false) =>
    contentOf({ number: 1, text, overlong, endOffset: 0 })

  it.each([
    ['h:1 # comment', 'h:1'],
    ['h:1\t#comment\r', 'h:1'],
    ['h:1#comment', 'h:1'],
    ['\uFEFF h:1 ', 'h:1'],
    ['# h:1', ''],
    ['#', ''],
    ['  ', ''],
    ['10.0.0.0/8 # ours # theirs', '10.0.0.0/8'],
    ['unix:/run/a#1 # comment', 'unix:/run/a#1'],
    ['unix:@a#1', 'unix:@a#1'],
    ['unixgram:/a # b', 'unixgram:/a'],
    ['{"host":"h","port":1,"note":"a # b"}', '{"host":"h","port":1,"note":"a # b"}'],
    ['{"host":"h","port":1,"note":"} # b"} # c', '{"host":"h","port":1,"note":"} # b"}'],
    ['{"host":"h"}  #', '{"host":"h"}'],
  ])('%j', (line, expected) => {
    expect(of(line)).toEqual({ text: expected, isCut: false })
  })

  it('a line that is too long is whole where only its comment is cut', () => {
    expect(of(`h:1 # ${'x'.repeat(100)}`, true)).toEqual({ text: 'h:1', isCut: false })
    expect(of(`# ${'x'.repeat(100)}`, true)).toEqual({ text: '', isCut: false })
    expect(of('x'.repeat(100), true)).toMatchObject({ isCut: true })
  })

  it('takes no time for blanks', () => {
    const line = `${' '.repeat(LONGEST_LINE / 2)}a${' '.repeat(LONGEST_LINE / 2)}a#`
    expect(of(`unix:${line}`).text).toHaveLength(LONGEST_LINE + 8)
  })
})

describe('ListFile', () => {
  function listOf(
    content: string | Buffer,
    ports?: string,
    chunkBytes = 1_000,
    exclusions = NOTHING_EXCLUDED,
  ) {
    const folder = mkdtempSync(join(tmpdir(), 'pollout-list-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'list')
    writeFileSync(path, content)
    const fd = openSync(path, 'r')
    onTestFinished(() => closeSync(fd))
    const list = new ListFile(
      fd,
      ports === undefined ? undefined : PortList.parse(ports),
      exclusions,
    )
    const bytes = Buffer.from(content)
    for (let i = 0; i < bytes.length; i += chunkBytes) list.scan(bytes.subarray(i, i + chunkBytes))
    list.scan(Buffer.alloc(0))
    return { list, path }
  }
  const text = (listed: Listed) =>
    'raw' in listed ? `${listed.line}! ${listed.raw}` : formatEndpoint(listed.endpoint)
  const texts = (list: { count: number; at(index: number): Listed }) =>
    Array.from({ length: list.count }, (_, i) => text(list.at(i)))

  it('passes over blanks and comments, and tells malformed lines apart, by their number', () => {
    const { list } = listOf('\uFEFF# hosts\r\n\r\n tcp://h:1 \r\nh:x\n  # more\nunix:@x\nh:2')
    expect(texts(list)).toEqual(['tcp://h:1', '4! h:x', 'unix:@x', 'tcp://h:2'])
    expect(list.at(1)).toMatchObject({ message: expect.stringMatching(/^line 4: "x" is neither/) })
  })

  it.each([
    ['of one target a line', (i: number) => [`h${i}:7`], undefined],
    ['of three targets a line', (i: number) => [`h${i}`], '1-3'],
    ['with blank lines', (i: number) => (i % 5 === 0 ? ['', `h${i}:7`] : [`h${i}:7`]), undefined],
    ['with nothing for long', (i: number) => (i < 100 ? ['# none'] : [`h${i}:7`]), undefined],
    [
      'of blocks, names and mistakes',
      (i: number) => [['10.0.0.0/30:1-2', 'h:1', '?', ''][i % 4] ?? ''],
      undefined,
    ],
  ])('finds each again, of a list %s', (_, linesOf, ports) => {
    const lines = Array.from({ length: 500 }, (_, i) => linesOf(i)).flat()
    const { list } = listOf(lines.join('\n'), ports)
    const given = ports === undefined ? undefined : PortList.parse(ports)
    const expected = lines.flatMap((line, i) =>
      texts(readLine({ number: i + 1, text: line, overlong: false, endOffset: 0 }, given)),
    )
    expect(texts(list)).toEqual(expected)
    const order = Array.from({ length: list.count }, (_, i) => (i * 7_919) % list.count)
    expect(order.map((i) => text(list.at(i)))).toEqual(order.map((i) => expected[i]))
  })

  it('takes lines that are longer than anything', () => {
    const good = 'h:1\n'
    const { list } = listOf(`${good}${'x'.repeat(700_000)}\n${good}${'y'.repeat(20_000)}`)
    expect(list.count).toBe(4)
    expect(texts(list).map((found) => found.slice(0, 9))).toEqual([
      'tcp://h:1',
      '2! xxxxxx',
      'tcp://h:1',
      '4! yyyyyy',
    ])
    expect(list.at(3)).toMatchObject({ message: `line 4: longer than ${LONGEST_LINE} bytes` })
  })

  it('leaves out what is excluded, and finds the others', () => {
    const exclusions = new Exclusions()
    for (const item of ['10.0.0.0/31', 'h', '10.0.0.9:1']) exclusions.add(item)
    const { list } = listOf('10.0.0.0/30\nh\n10.0.0.9\n10.0.0.1:9\n?\n', '1-2', 1_000, exclusions)
    expect(texts(list)).toEqual([
      ...['tcp://10.0.0.2:1', 'tcp://10.0.0.2:2', 'tcp://10.0.0.3:1', 'tcp://10.0.0.3:2'],
      'tcp://10.0.0.9:2',
      '5! ?',
    ])
    expect(list.excluded).toBe(8)
  })

  it('notices that the list has shrunk', () => {
    const { list, path } = listOf('h:1\n'.repeat(1_000))
    writeFileSync(path, 'h:1\n')
    expect(() => list.at(900)).toThrow(ListChangedError)
  })

  it('has a digest of its bytes', () => {
    const digest = (content: string, bytes: number) =>
      listOf(content, undefined, bytes).list.digest()
    expect(digest('h:1\nh:2\n', 3)).toBe(digest('h:1\nh:2\n', 100))
    expect(digest('h:1\nh:2\n', 3)).not.toBe(digest('h:2\nh:1\n', 3))
  })
})
