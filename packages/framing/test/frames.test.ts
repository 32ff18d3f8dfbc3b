/** The faces: what an operator, an iteration and a parser owe to those who use them. */
import {
  type ByteQueue,
  type FrameDecoder,
  FrameError,
  FrameParser,
  fixedSize,
  fixedSizeParser,
  frames,
  lineParser,
  lines,
  readFrames,
} from '@pollout/framing'
import { concat, EMPTY, NEVER, Observable, of, Subject, take, throwError } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { bytes } from './harness.js'

/** A source that counts its subscribers. */
function counted(chunks: readonly string[]) {
  const count = { subscribed: 0, left: 0, emitted: 0 }
  const source = new Observable<Uint8Array>((subscriber) => {
    count.subscribed++
    for (const chunk of chunks) {
      if (subscriber.closed) break
      count.emitted++
      subscriber.next(bytes(chunk))
    }
    return () => count.left++
  })
  return { count, source }
}

describe('the operator', () => {
  it('lets go of the source when the subscriber leaves', () => {
    const { count, source } = counted(['a\nb\n', 'c\n'])
    const subscription = source.pipe(lines()).subscribe()
    expect(count).toEqual({ subscribed: 1, left: 0, emitted: 2 })
    subscription.unsubscribe()
    expect(count.left).toBe(1)
  })

  it('stops within a chunk, and within a synchronous source', () => {
    const { count, source } = counted(['a\nb\nc\n', 'd\n', 'e\n'])
    const seen: string[] = []
    source.pipe(lines(), take(2)).subscribe((line) => seen.push(line))
    expect(seen).toEqual(['a', 'b'])
    expect(count).toEqual({ subscribed: 1, left: 1, emitted: 1 })
  })

  it('lets go of the source at an error, once', () => {
    const { count, source } = counted(['ok\n', 'too long\nok\n', 'ok\n'])
    const seen: unknown[] = []
    source.pipe(lines({ maxBytes: 3 })).subscribe({
      next: (line) => seen.push(line),
      error: (error) => seen.push(error),
    })
    expect(seen).toEqual(['ok', expect.any(FrameError)])
    expect(seen[1]).toMatchObject({ name: 'FrameError', code: 'ERR_FRAME_TOO_LARGE' })
    expect(count).toEqual({ subscribed: 1, left: 1, emitted: 2 })
  })

  it('passes on the error of the source, and not that a frame was cut by it', () => {
    const cause = new Error('reset')
    const source = concat(
      of(bytes('ab')),
      throwError(() => cause),
    )
    let seen: unknown
    source.pipe(fixedSize(4)).subscribe({
      error: (error) => {
        seen = error
      },
    })
    expect(seen).toBe(cause)
  })

  it('has a parser for each subscription', () => {
    const chunks = new Subject<Uint8Array>()
    const shared = chunks.pipe(lines())
    const [first, second]: [string[], string[]] = [[], []]
    shared.subscribe((line) => first.push(line))
    chunks.next(bytes('a'))
    shared.subscribe((line) => second.push(line))
    chunks.next(bytes('b\n'))
    expect([first, second]).toEqual([['ab'], ['b']])
  })

  it('is not confused by a subscriber that makes the source go on', () => {
    const chunks = new Subject<Uint8Array>()
    const seen: string[] = []
    chunks.pipe(lines()).subscribe((line) => {
      seen.push(line)
      if (line === 'a') chunks.next(bytes('c\nd\n'))
    })
    chunks.next(bytes('a\nb\n'))
    expect(seen).toEqual(['a', 'b', 'c', 'd'])
  })

  it('completes with the source, and emits nothing for nothing', () => {
    const seen: string[] = []
    const record = { next: () => seen.push('frame'), complete: () => seen.push('complete') }
    EMPTY.pipe(lines()).subscribe(record)
    of(bytes(''), bytes('')).pipe(lines()).subscribe(record)
    NEVER.pipe(lines()).subscribe(record).unsubscribe()
    expect(seen).toEqual(['complete', 'complete'])
  })

  it('takes any Uint8Array, and errors for what is none', () => {
    const seen: string[] = []
    of(new Uint8Array([97, 10]), new TextEncoder().encode('b\n'))
      .pipe(lines())
      .subscribe((line) => seen.push(line))
    expect(seen).toEqual(['a', 'b'])
    let failure: unknown
    of('text' as unknown as Uint8Array)
      .pipe(lines())
      .subscribe({
        error: (error) => {
          failure = error
        },
      })
    expect(failure).toBeInstanceOf(TypeError)
  })
})

describe('iteration', () => {
  it('reads a chunk only when the frames before it are taken, and leaves with the loop', async () => {
    const log: string[] = []
    async function* chunks() {
      try {
        for (const chunk of ['a\nb\nc', '\n', 'd\n']) {
          log.push(`chunk ${chunk.trim()}`)
          yield bytes(chunk)
        }
      } finally {
        log.push('left')
      }
    }
    const parser = lineParser()
    for await (const line of readFrames(chunks(), parser)) {
      log.push(line)
      if (line === 'b') break
    }
    expect(log).toEqual(['chunk a\nb\nc', 'a', 'b', 'left'])
    expect(parser.takeRest().toString()).toBe('c')
  })

  it('leaves the source at an error', async () => {
    let left = false
    async function* chunks() {
      try {
        yield bytes('ok\n')
        yield bytes('too long\n')
        yield bytes('ok\n')
      } finally {
        left = true
      }
    }
    const seen: string[] = []
    const reading = (async () => {
      for await (const line of readFrames(chunks(), lineParser({ maxBytes: 3 }))) seen.push(line)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' })
    expect([seen, left]).toEqual([['ok'], true])
  })
})

describe('the parser', () => {
  it('gives frames when asked; what was not asked for comes first the next time', () => {
    const parser = lineParser()
    const [first] = parser.push(bytes('a\nb\nc'))
    expect([first, parser.bufferedBytes]).toEqual(['a', 3])
    expect([...parser.push(bytes('\n'))]).toEqual(['b', 'c'])
    expect([parser.read(), parser.bufferedBytes]).toEqual([undefined, 0])
  })

  it('takes a chunk in at once, even where nobody asks for the frames', () => {
    const parser = lineParser()
    parser.push(bytes('a\n'))
    parser.push(bytes('b\n'))
    expect([parser.read(), parser.read(), parser.read()]).toEqual(['a', 'b', undefined])
  })

  it('hands what is left to another, where the protocol changes', () => {
    const head = lineParser()
    const [line] = head.push(bytes('length 4\nabcdefgh'))
    expect(line).toBe('length 4')
    expect([...fixedSizeParser(4).push(head.takeRest())].map(String)).toEqual(['abcd', 'efgh'])
    expect([...head.end()]).toEqual([])
    expect(() => head.push(bytes('more'))).toThrow('the rest of this stream was taken')
  })

  it('once broken stays broken, and keeps nothing', () => {
    const parser = lineParser({ maxBytes: 3 })
    expect(() => [...parser.push(bytes('too long'))]).toThrow(FrameError)
    expect(parser.bufferedBytes).toBe(0)
    expect(() => [...parser.push(bytes('ok\n'))]).toThrow('longer than 3 bytes')
    parser.push(bytes('ok\n'))
    expect(parser.bufferedBytes).toBe(0)
    expect(() => parser.read()).toThrow(FrameError)
    expect(() => [...parser.end()]).toThrow('longer than 3 bytes')
  })

  it("runs rules of one's own", () => {
    class Netstrings implements FrameDecoder<Buffer> {
      next(input: ByteQueue): Buffer | undefined {
        const colon = input.indexOf(0x3a)
        if (colon < 0 && input.length < 5) return undefined
        const digits = input.peek(Math.max(0, colon)).toString()
        if (!/^\d{1,4}$/.test(digits)) throw new FrameError('ERR_FRAME_INVALID', 'no netstring')
        const end = colon + 1 + Number(digits)
        return input.length > end ? input.take(end + 1).subarray(colon + 1, end) : undefined
      }
    }
    const seen: string[] = []
    of(...['5:he', 'llo,', '0:,2:', 'hi', ',', 'x:'].map(bytes))
      .pipe(frames(() => new FrameParser(new Netstrings())))
      .subscribe({
        next: (frame) => seen.push(frame.toString()),
        error: (error: FrameError) => seen.push(error.code),
      })
    expect(seen).toEqual(['hello', '', 'hi', 'ERR_FRAME_INVALID'])
  })
})
