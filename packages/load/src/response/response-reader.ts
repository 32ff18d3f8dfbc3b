/** Where the responses of one connection end, by each of the framings that an exchange lane knows. */
import type { ResponseFraming } from '@pollout/core'
import { type ByteQueue, type FrameDecoder, FrameError, FrameParser } from '@pollout/framing'
import { HttpResponseReader } from './http-response-reader.js'
import { RespEnd } from './resp-end.js'
import type { ResponseFault, ResponseReader, Wanted, WholeResponse } from './response.js'

export function responseReader(
  framing: ResponseFraming,
  maxBytes: number,
  wanted: Wanted,
): ResponseReader {
  if (framing.kind === 'http1') return new HttpResponseReader(framing.head, maxBytes, wanted)
  return new FramedReader(decoderOf(framing, maxBytes), wanted)
}

interface Frame {
  readonly bytes: Buffer
  readonly code: number
  /** What came before it, and was no response. */
  readonly passedBytes: number
}

class FramedReader implements ResponseReader {
  readonly #parser: FrameParser<Frame>
  readonly #wanted: Wanted

  constructor(decoder: FrameDecoder<Frame>, wanted: Wanted) {
    this.#parser = new FrameParser(decoder)
    this.#wanted = wanted
  }

  get pendingBytes(): number {
    return this.#parser.bufferedBytes
  }

  read(chunk: Uint8Array, take: (response: WholeResponse) => boolean): ResponseFault | undefined {
    try {
      for (const { bytes, code, passedBytes } of this.#parser.push(chunk)) {
        const isFound = this.#wanted === undefined || bytes.includes(this.#wanted)
        const all = bytes.length + passedBytes
        if (!take({ bytes: all, code, isFound, goesOn: true })) return undefined
      }
      return undefined
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      return error.code === 'ERR_FRAME_TOO_LARGE' ? 'too large' : 'malformed'
    }
  }

  /** None of these ends with the stream. */
  readEnd(): undefined {}
}

function decoderOf(
  framing: Exclude<ResponseFraming, { kind: 'http1' }>,
  maxBytes: number,
): FrameDecoder<Frame> {
  switch (framing.kind) {
    case 'fixed':
      return endingAt((input) => (input.length >= framing.bytes ? framing.bytes : undefined))
    case 'delimited':
      return endingAt(delimiterEnd(framing.delimiter, maxBytes))
    case 'length':
      return endingAt(lengthEnd(framing, maxBytes))
    case 'resp':
      return new RespDecoder(maxBytes)
  }
}

/** Frames whose end `endOf` finds: how many bytes there are in one, or undefined where that is not there yet. */
function endingAt(endOf: (input: ByteQueue) => number | undefined): FrameDecoder<Frame> {
  return {
    next(input) {
      const end = endOf(input)
      return end === undefined ? undefined : { bytes: input.take(end), code: 0, passedBytes: 0 }
    },
  }
}

function delimiterEnd(delimiter: Uint8Array, maxBytes: number) {
  let searched = 0
  return (input: ByteQueue): number | undefined => {
    const at = input.indexOf(delimiter, searched)
    const end = at < 0 ? undefined : at + delimiter.length
    if ((end ?? input.length) > maxBytes) throw tooLarge(maxBytes)
    searched = end === undefined ? Math.max(0, input.length - delimiter.length + 1) : 0
    return end
  }
}

function lengthEnd(
  { at, size, littleEndian, adjust }: Extract<ResponseFraming, { kind: 'length' }>,
  maxBytes: number,
) {
  return (input: ByteQueue): number | undefined => {
    const header = at + size
    if (input.length < header) return undefined
    const field = input.peek(header).subarray(at)
    const length = (littleEndian ? field.readUIntLE(0, size) : field.readUIntBE(0, size)) + adjust
    if (length < 0) {
      throw new FrameError('ERR_FRAME_INVALID', `a response can't have a length of ${length}`)
    }
    if (header + length > maxBytes) throw tooLarge(maxBytes)
    return input.length >= header + length ? header + length : undefined
  }
}

class RespDecoder implements FrameDecoder<Frame> {
  readonly #maxBytes: number
  #end: RespEnd
  #passedBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#end = new RespEnd(maxBytes)
  }

  next(input: ByteQueue): Frame | undefined {
    for (;;) {
      const end = this.#end.find(input)
      if (end === undefined) return undefined
      const bytes = input.take(end)
      this.#end = new RespEnd(this.#maxBytes)
      const type = String.fromCharCode(bytes[0] as number)
      // What the server says of its own accord.
      if (type !== '>') {
        const passedBytes = this.#passedBytes
        this.#passedBytes = 0
        return { bytes, code: type === '-' || type === '!' ? 1 : 0, passedBytes }
      }
      this.#passedBytes += bytes.length
      if (input.length === 0) return undefined
    }
  }
}

function tooLarge(maxBytes: number): FrameError {
  return new FrameError('ERR_FRAME_TOO_LARGE', `a response is longer than ${maxBytes} bytes`)
}
