/** `--expect`: what matches, in whatever pieces it comes, and what it costs. */
import { describe, expect, it } from 'vitest'
import { type Expectation, expectation } from '../src/cli/fanout/expect/expectation.js'

type Text = string | Buffer

function finds(expected: Expectation, answer: Text, pieceBytes = Number.MAX_SAFE_INTEGER): boolean {
  const search = expected.begin()
  const bytes = Buffer.from(answer)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes)
    for (let done = 0; done < piece.length; ) done = search.search(piece, done)
    if (search.found) return true
  }
  return false
}

describe('text is text', () => {
  it.each<[string, Text, boolean]>([
    ['220 ', '220 ready', true],
    ['^220 ', '220 ready', false],
    ['a.b', 'axb', false],
    ['a.b', 'xa.b', true],
    ['(', 'f(x)', true],
    ['C:\\d+[', 'C:\\d+[', true],
    ['/a', 'b/a', true],
    ['aab', 'aaab', true],
    ['ababc', 'abababc', true],
    ['aabaac', 'aabaabaac', true],
    ['ä', 'xä', true],
    ['ä', Buffer.from('xä', 'latin1'), false],
  ])('%j in %j: %j', (text, answer, expected) => {
    for (const size of [1, 2, 3, 100]) expect(finds(expectation(text), answer, size)).toBe(expected)
  })
})

/** Patterns without `$` and `\b`, which are about pieces. */
const PATTERNS: [pattern: string, answers: Text[]][] = [
  ['/^220 /', ['220 ready', 'x\n220 ', '22', '']],
  ['/^220 /m', ['220 ready', 'x\n220 ', 'x220 ']],
  ['/SSH-.*-.*OpenSSH/', ['SSH-2.0-OpenSSH_9', 'SSH-2.0\n-OpenSSH', 'SSH-SSH-']],
  ['/^http\\/\\d+/i', ['HTTP/1.1', 'http/x', ' HTTP/1.1']],
  ['/a{2,3}b/', ['ab', 'aab', 'aaab', 'aaaab']],
  ['/^a{2,3}b/', ['ab', 'aab', 'aaab', 'aaaab']],
  ['/^(?:a|b)*c/', ['ababc', 'c', 'abd']],
  ['/^(a+)+b/', ['aaaab', 'aaaaaa']],
  ['/x*y?z+?/', ['z', 'xyz', 'xy']],
  ['/(?<name>a)|^b|/', ['', 'c']],
  ['/a{0}b{0,}c{1}/', ['c', 'ab']],
  ['/(?:)*x/', ['x', 'y']],
  ['/[^a-y\\d]/', ['abc1', 'z', 'é']],
  ['/a.c/', ['a\nc', 'abc']],
  ['/a.c/s', ['a\nc', 'abc']],
  ['/\\Bb/', ['ab', ' b', 'b']],
  ['/\\bb/', ['ab', ' b', 'b']],
  ['/é+t/', ['été', 'ete', Buffer.from('été', 'latin1')]],
  ['/É/i', ['été']],
  ['/^.é$/u', ['xé', '😀é', 'xxé']],
  ['/^.$/u', ['😀', 'é', 'ab']],
  ['/\\p{Lu}\\u{1F600}/u', ['A😀', 'a😀']],
  ['/[\\b]\\t\\0\\x41\\cA\\-\\\\u/', ['\b\t\0A\x01-\\u', 'x']],
  ['/^$/m', ['a\n\nb', 'ab']],
]

describe.each(PATTERNS)('%s', (pattern, answers) => {
  it.each(answers.map((answer) => [answer]))('says of %j what RegExp says', (answer) => {
    const [, source = '', flags = ''] = /^\/(.*)\/([a-z]*)$/s.exec(pattern) ?? []
    const text = String(answer)
    const expected = text !== '' && new RegExp(source, flags).test(text)
    expect(finds(expectation(pattern), answer)).toBe(expected)
    if (!pattern.includes('$')) expect(finds(expectation(pattern), answer, 1)).toBe(expected)
  })
})

describe('bytes', () => {
  it.each<[string, string, boolean]>([
    ['/^\\xff\\xfb\\x01/', 'fffb01', true],
    ['/\\xff[\\xf0-\\xfe]./', '00fffd18', true],
    ['/\\x00/', '0100', true],
    ['/\\\\u\\xff/', '5c75ff', true],
    ['/^.{4}\\xffSMB/', '00000045ff534d42', true],
    ['/\\xe9/', Buffer.from('é').toString('hex'), false],
  ])('%s in %s: %j', (pattern, hex, expected) => {
    for (const size of [1, 2, 100]) {
      expect(finds(expectation(pattern), Buffer.from(hex, 'hex'), size)).toBe(expected)
    }
  })
})

it.each<readonly [string, RegExp]>([
  ['', /what is to stand/],
  ['/(/', /Invalid regular expression/],
  ['/a/zz', /no flag z/],
  ['/usr/bin', /no flag b/],
  ...['d', 'g', 'ig', 'v', 'y'].map(
    (flags) => [`/a/${flags}`, /no flag [dgvy]; there are i, m, s, u/] as const,
  ),
  ['/a/ii', /flag i stands there twice/],
  ['/a/smis', /flag s stands there twice/],
  ...[
    '\\x',
    '\\x4',
    '\\x4g',
    '[\\x4]',
    '[a-\\x]',
    '\\u00e',
    '\\u{41}',
    '\\p{L}',
    '\\q',
    '\\N',
    '[\\e]',
  ].map((source) => [`/${source}/`, /There is no escape \\[xupqNe] here; there are/] as const),
  ...['\\c4', '\\c', '[\\c]'].map(
    (source) => [`/${source}/`, /There is no escape \\c here/] as const,
  ),
  ...['\\1', '\\012', '[\\1]', '\\00', '\\8'].map(
    (source) => [`/${source}/`, /There is no escape \\\d+ here/] as const,
  ),
  ['/(?=a)/', /no look-around.*\(\?=a\)/],
  ['/(?<!a)b/', /no look-around/],
  ['/(a)\\1/', /back reference/],
  ['/(?:a{1000}){1000}/', /too long: 1000 steps/],
])('refuses %j', (text, message) => {
  expect(() => expectation(text)).toThrow(message)
})

describe('a hostile answer', () => {
  const SIZE = 65_536
  it.each([
    ['/SSH-.*-.*OpenSSH/', 'SSH-'],
    ['/^(a+)+$/', `${'a'.repeat(63)}!`],
    ['/(a|aa|a?)+b/', 'a'],
    ['/(?:a|b)*a(?:a|b){20}c/', 'ab'],
    ['/(.*)(.*)(.*)(.*)x/', 'y'],
    ['/.{0,300}x/', 'y'],
    ['/(\\p{L}+\\s?)+$/u', 'é!'],
    ['aaaaaaaaab', 'a'],
  ])('%s of %j costs what its length is worth, in any pieces', (pattern, unit) => {
    const answer = Buffer.from(unit.repeat(Math.ceil(SIZE / unit.length))).subarray(0, SIZE)
    for (const pieceBytes of [1, SIZE]) {
      const startedAt = process.cpuUsage()
      expect(finds(expectation(pattern), answer, pieceBytes)).toBe(
        /\$/.test(pattern) && pieceBytes === 1,
      )
      const { user, system } = process.cpuUsage(startedAt)
      // Quadratic would be minutes.
      expect((user + system) / 1_000).toBeLessThan(5_000)
    }
  })

  it('is searched in goes that are short, however many states it leads to', () => {
    const search = expectation('/(?:a|b)*a(?:a|b){200}c/').begin()
    let random = 1
    const answer = Buffer.alloc(8_192).map(() => {
      random = (random * 48_271) % 2_147_483_647
      return random % 2 === 0 ? 97 : 98
    })
    let goes = 0
    for (let at = 0; at < answer.length; goes++) at = search.search(answer, at)
    expect(goes).toBeGreaterThan(100)
  })
})
