/** The exchange lane: `ExchangeConnector` on top of the addon's functions. */
import {
  type EncodedOption,
  type ExchangeConnector,
  type ExchangeLane,
  type ExchangeLaneOptions,
  type ExchangeSink,
  errno,
  type RequestPart,
  type ResponseFraming,
  type SocketAddress,
} from '@pollout/core'
import type { NativeFunctions, NativeOption, NativePart, NativeSource } from './addon.js'
import { whereOf } from './native-address.js'
import { FAMILY_NUMBERS } from './native-kernel.js'
import { withNodesErrors } from './system-error.js'

const EBADF = { code: 'EBADF', errno: -errno.EBADF, syscall: 'open' }
const NO_BYTES = new Uint8Array(0)
/** The addon's `int`: as good as no limit. */
const MOST = 2 ** 31 - 1
const HIGHEST_CODE = 2 ** 32 - 1

const FRAMING_KINDS = { fixed: 0, delimited: 1, length: 2, resp: 3, http1: 4 } as const

export class NativeExchanges implements ExchangeConnector {
  readonly threads: number
  readonly #native: NativeFunctions

  constructor(native: NativeFunctions, threads: number) {
    this.#native = native
    this.threads = threads
  }

  open(given: ExchangeLaneOptions, sink: ExchangeSink): ExchangeLane {
    const { peers, options, sources, requests, response, check } = given
    const lane = withNodesErrors(() =>
      this.#native.openExchanges(
        peers.map(flattenedAddress),
        options.inet.map(flattened),
        options.inet6.map(flattened),
        options.unix.map(flattened),
        sources.map(flattenedAddress),
        this.#numbers(given),
        requests.map((parts) => parts.map(flattenedPart)),
        response.kind === 'delimited' ? response.delimiter : NO_BYTES,
        check.includes ?? NO_BYTES,
        (records, count) => sink.exchanges(records, count),
        (records, count) => sink.connections(records, count),
      ),
    )
    // A destroyed backend has no descriptors either.
    if (lane < 0) throw Object.assign(new Error('open EBADF: the backend is destroyed'), EBADF)
    return new NativeExchangeLane(this.#native, lane)
  }

  /** In the order of `Number` in native/exchange_calls.cc. */
  #numbers(given: ExchangeLaneOptions): Float64Array {
    const { check, response } = given
    const [leastCode, mostCode] = check.code ?? [0, HIGHEST_CODE]
    return Float64Array.of(
      Math.min(given.connections, MOST),
      Number(given.eager),
      given.exchangesPerConnection,
      Math.min(given.depth, MOST),
      given.seed,
      leastCode,
      mostCode,
      given.maxResponseBytes,
      given.connectTimeoutMs,
      given.timeoutMs,
      Number(given.closeMode === 'reset'),
      Number(given.kernelTimes),
      this.threads,
      ...framingNumbers(response),
    )
  }
}

function framingNumbers(response: ResponseFraming): readonly number[] {
  const bytes = response.kind === 'fixed' ? response.bytes : 1
  const head = response.kind === 'http1' && response.head
  const { at, size, littleEndian, adjust } =
    response.kind === 'length' ? response : { at: 0, size: 1, littleEndian: false, adjust: 0 }
  const kind = FRAMING_KINDS[response.kind]
  return [kind, bytes, at, size, Number(littleEndian), adjust, Number(head)]
}

class NativeExchangeLane implements ExchangeLane {
  readonly #native: NativeFunctions
  /** Its number in the addon, which is never used again. */
  readonly #lane: number

  constructor(native: NativeFunctions, lane: number) {
    this.#native = native
    this.#lane = lane
  }

  submit(exchanges: Float64Array, count: number): void {
    this.#native.submitExchanges(this.#lane, exchanges, count)
  }

  stop(): void {
    this.#native.stopExchanges(this.#lane)
  }

  cancel(): void {
    this.#native.cancelExchanges(this.#lane)
  }
}

/** Kinds as native/exchange_records.h counts them. */
function flattenedPart(part: RequestPart): NativePart {
  if ('bytes' in part) return [0, 0, 0, 0, part.bytes]
  if ('counter' in part) return [1, part.counter.first, 0, part.counter.digits, NO_BYTES]
  if ('text' in part) return [3, 0, 0, part.text, NO_BYTES]
  const { least, most } = part.number
  return [2, least, most - least + 1, String(most).length, NO_BYTES]
}

function flattened({ level, option, value }: EncodedOption): NativeOption {
  return [level, option, value]
}

function flattenedAddress(address: SocketAddress): NativeSource {
  return [FAMILY_NUMBERS[address.family], ...whereOf(address)]
}
