/** The values of options, where they are more than a number. */
import { describe, expect, it } from 'vitest'
import {
  escapedText,
  file,
  files,
  kinds,
  list,
  ports,
  shard,
  threads,
} from '../src/cli/option-values.js'
import { nativeBackend } from '../src/index.js'
import { FANOUT_KINDS } from '../src/outcomes/outcome-row.js'

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

it('--exclude and its kin gather', () => {
  expect(list('c', list('a, b,', undefined))).toEqual(['a', 'b', 'c'])
  for (const text of ['', ' ', ',', ' , ']) expect(() => list(text)).toThrow(/empty/)
})

it('the name of a file is not empty', () => {
  expect(files('a,b', ['c'])).toEqual(['c', 'a,b'])
  for (const read of [file, files]) expect(() => read('')).toThrow(/name of a file/)
})

it('-p gathers too, each port once', () => {
  expect(String(ports('443,8000-8010', ports('80,443')))).toBe('80,443,8000-8010')
})

describe('--shard', () => {
  it('reads 2/3', () => {
    expect(shard('2/3')).toEqual({ number: 2, count: 3 })
  })

  it.each(['0/3', '4/3', '1', '1/0', 'a/b', '-1/3'])('refuses %j', (text) => {
    expect(() => shard(text)).toThrow(/1\/3, 2\/3, 3\/3/)
  })
})

it('--threads takes as many as the native backend does', () => {
  for (const text of ['0', '1', '64']) {
    expect(threads(text)).toBe(Number(text))
    expect(() => nativeBackend({ threads: threads(text) })).not.toThrow()
  }
  expect(() => threads('65')).toThrow(/from 0 to 64/)
  expect(() => nativeBackend({ threads: 65 })).toThrow(/from 0 to 64/)
})

describe('--only', () => {
  it('reads kinds', () => {
    expect(kinds('connected, refused')).toEqual(['connected', 'refused'])
    expect(kinds('all')).toEqual(FANOUT_KINDS)
    expect(() => kinds('open')).toThrow(/no outcome "open"; there are connected, refused/)
  })
})
