/**
 * Responses of HTTP/1.1 (RFC 9112), by llhttp, the parser of Node.js, as WebAssembly: undici brings it.
 *
 * Its callback at the end of a response pauses it, so that it says where that was: what follows is the next one's. Responses
 * from 100 to 199 come before the one that counts (RFC 9110, 15.2), but for 101, after which the connection speaks something
 * else.
 */
import llhttp from 'undici/lib/llhttp/llhttp-wasm.js'
import type { ResponseFault, ResponseReader, Wanted, WholeResponse } from './response.js'
import { StreamSearch } from './stream-search.js'

/** Of llhttp.h. */
const TYPE_RESPONSE = 2
const OK = 0
const PAUSED = 21
/** What `on_headers_complete` answers for a response without a body. */
const NO_BODY = 1
const SWITCHING_PROTOCOLS = 101
const FIRST_FINAL = 200

interface Llhttp {
  readonly memory: { readonly buffer: ArrayBuffer }
  malloc(bytes: number): number
  llhttp_alloc(type: number): number
  llhttp_free(parser: number): void
  llhttp_execute(parser: number, data: number, length: number): number
  llhttp_finish(parser: number): number
  llhttp_resume(parser: number): void
  llhttp_get_error_pos(parser: number): number
}

/** Bytes that go through it at a time. */
const BUFFER_BYTES = 64 * 1_024

let loaded: { readonly llhttp: Llhttp; readonly buffer: number } | undefined
/** Whose bytes are being read. */
let current: HttpResponseReader | undefined

/** As all of them are made of one: a program without HTTP loads none. */
function load() {
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly
  const nothing = () => OK
  const { exports } = new Instance(new Module(llhttp), {
    env: {
      wasm_on_url: nothing,
      wasm_on_status: nothing,
      wasm_on_message_begin: nothing,
      wasm_on_header_field: nothing,
      wasm_on_header_value: nothing,
      wasm_on_body: nothing,
      wasm_on_headers_complete: (_: number, code: number, __: number, goesOn: number) =>
        current?.headersComplete(code, goesOn === 1),
      wasm_on_message_complete: () => current?.messageComplete(),
    },
  })
  return { llhttp: exports, buffer: exports.malloc(BUFFER_BYTES) }
}

interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Llhttp }
}

/** Gives the parsers of readers that are garbage back. */
const forgotten = new FinalizationRegistry<number>((parser) => loaded?.llhttp.llhttp_free(parser))

export class HttpResponseReader implements ResponseReader {
  readonly #parser: number
  readonly #head: boolean
  readonly #maxBytes: number
  readonly #search: StreamSearch
  #bytes = 0
  #code = 0
  #goesOn = true
  #isWhole = false

  constructor(head: boolean, maxBytes: number, wanted: Wanted) {
    loaded ??= load()
    this.#parser = loaded.llhttp.llhttp_alloc(TYPE_RESPONSE)
    this.#head = head
    this.#maxBytes = maxBytes
    this.#search = new StreamSearch(wanted)
    forgotten.register(this, this.#parser)
  }

  get pendingBytes(): number {
    return this.#bytes
  }

  headersComplete(code: number, goesOn: boolean): number {
    this.#code = code
    this.#goesOn = goesOn
    return this.#head ? NO_BODY : OK
  }

  messageComplete(): number {
    if (this.#code < FIRST_FINAL && this.#code !== SWITCHING_PROTOCOLS) return OK
    this.#isWhole = true
    return PAUSED
  }

  read(chunk: Uint8Array, take: (response: WholeResponse) => boolean): ResponseFault | undefined {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BUFFER_BYTES)
      const { said, used } = this.#execute(part)
      const isWhole = this.#isWhole
      this.#isWhole = false
      if (!isWhole && said !== OK) return 'malformed'
      at += used
      this.#bytes += used
      this.#search.look(part.subarray(0, used))
      if (this.#bytes > this.#maxBytes) return 'too large'
      if (isWhole && !take(this.#taken())) return undefined
    }
    return undefined
  }

  /** Where neither a length nor chunks say it, the end of the stream is that of the body: RFC 9112, 6.3. */
  readEnd(): WholeResponse | undefined {
    current = this
    loaded?.llhttp.llhttp_finish(this.#parser)
    current = undefined
    return this.#isWhole ? { ...this.#taken(), goesOn: false } : undefined
  }

  #execute(part: Uint8Array): { readonly said: number; readonly used: number } {
    const { llhttp, buffer } = loaded as NonNullable<typeof loaded>
    new Uint8Array(llhttp.memory.buffer, buffer, part.length).set(part)
    current = this
    const said = llhttp.llhttp_execute(this.#parser, buffer, part.length)
    current = undefined
    if (!this.#isWhole) return { said, used: part.length }
    const used = llhttp.llhttp_get_error_pos(this.#parser) - buffer
    llhttp.llhttp_resume(this.#parser)
    return { said, used }
  }

  #taken(): WholeResponse {
    const bytes = this.#bytes
    this.#bytes = 0
    const goesOn = this.#goesOn && this.#code !== SWITCHING_PROTOCOLS
    return { bytes, code: this.#code, isFound: this.#search.take(), goesOn }
  }
}
