import { describe, expect, it } from 'vitest'
import { visibleText } from '../src/index.js'

describe('visibleText', () => {
  it.each([
    ['plain ~', 'plain ~'],
    ['ä 日本 😀 a\\b', 'ä 日本 😀 a\\b'],
    ['a\r\n\tb', 'a\\r\\n\\tb'],
    ['\x1b[2J', '\\u001b[2J'],
    ['\x7f\x9b31m\0', '\\u007f\\u009b31m\\u0000'],
    ['\u202egpj.exe\u2066', '\\u202egpj.exe\\u2066'],
    ['a\u200bb\u00adc\ufeff', 'a\\u200bb\\u00adc\\ufeff'],
    ['\u2028\u2029\u0085', '\\u2028\\u2029\\u0085'],
    ['\ud800x\udc00', '\\ud800x\\udc00'],
    ['\u{e0041}\u{1d173}', '\\udb40\\udc41\\ud834\\udd73'],
    ['\u034f\u3164\ufe0f', '\\u034f\\u3164\\ufe0f'],
    // Of Cf, and not of those that may be left out.
    ['\u0600\u06dd\ufff9\ufffb', '\\u0600\\u06dd\\ufff9\\ufffb'],
  ])('%j', (text, expected) => {
    expect(visibleText(text)).toBe(expected)
  })

  it('leaves a JSON document what it is', () => {
    const value = { 'k\u202e': ['\x7f\x9b', '\ud800', '\u2028', 'a\\u202e"', '\u{e0041}\r\n'] }
    const text = visibleText(JSON.stringify(value))
    expect(text).toMatch(/^[\x20-\x7e]+$/)
    expect(JSON.parse(text)).toEqual(value)
  })
})
