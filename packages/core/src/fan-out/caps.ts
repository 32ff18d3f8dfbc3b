/**
 * How many attempts may be in flight to one host, and to one network: what is over its cap waits here, and keeps nobody
 * else from going on.
 */
import { isInet } from '../backend/address.js'
import { inNetworkOrder } from '../backend/byte-order.js'
import { Fifo } from '../base/fifo.js'
import type { Pass } from '../connect/attempt-gate.js'
import { type IpVersion, Literal, V4_MAPPED } from './literal.js'
import { addressOfTask, endpointOfTask, type Task } from './task.js'

export interface CapOptions {
  readonly maxPerHost: number
  readonly maxPerPrefix: number
  /** Bits that are the same within a network, from 1. */
  readonly prefixLengths: { readonly inet: number; readonly inet6: number }
}

type Key = number | string

/** A task for its target's address, or for a name; a pass for one of a name's addresses. */
type Capped<T> = Task<T> | Pass

/** What is under way under one key, and what waits for it. */
interface Share<T> {
  taken: number
  readonly waiting: Fifo<Capped<T>>
}

type Shares<T> = Map<Key, Share<T>>

type Words = Readonly<Record<'word0' | 'word1' | 'word2' | 'word3', number>>

export class Caps<T> {
  readonly #options: CapOptions
  readonly #back: (one: Capped<T>) => void
  readonly #hosts: Shares<T> = new Map()
  readonly #prefixes: Shares<T> = new Map()
  readonly #literal = new Literal()
  #waiting = 0

  /** `back` takes what may be offered again. */
  constructor(options: CapOptions, back: (one: Capped<T>) => void) {
    this.#options = options
    this.#back = back
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Counts the task in; or keeps it until there is room for it, and says false. */
  admit(task: Task<T>): boolean {
    const { maxPerHost, maxPerPrefix } = this.#options
    task.hostKey = maxPerHost === Number.POSITIVE_INFINITY ? undefined : hostKey(task)
    task.prefixKey =
      maxPerPrefix === Number.POSITIVE_INFINITY ? undefined : this.#prefixKey(task.version, task)
    return this.#admit(task)
  }

  /** The same for an attempt at an address. */
  admitPass(pass: Pass): boolean {
    const { address } = pass
    if (address === undefined || !isInet(address)) return true
    const { maxPerHost, maxPerPrefix } = this.#options
    const version = this.#literal.read(address.address)
    const [word0 = 0, word1 = 0, word2 = 0, word3 = 0] = this.#literal.words
    const words = { word0, word1, word2, word3 }
    const key = version === 0 ? address.address : addressKey(version, words)
    pass.hostKey = maxPerHost === Number.POSITIVE_INFINITY ? undefined : key
    pass.prefixKey =
      maxPerPrefix === Number.POSITIVE_INFINITY ? undefined : this.#prefixKey(version, words)
    return this.#admit(pass)
  }

  /** A pass that was brought back is not wanted any more: the place is for the next. */
  passOn(pass: Pass): void {
    const { maxPerHost, maxPerPrefix } = this.#options
    this.#bringBack(this.#hosts, pass.hostKey, maxPerHost)
    this.#bringBack(this.#prefixes, pass.prefixKey, maxPerPrefix)
  }

  #admit(task: Capped<T>): boolean {
    const { maxPerHost, maxPerPrefix } = this.#options
    const isKept =
      this.#keep(task, this.#hosts, task.hostKey, maxPerHost) ||
      this.#keep(task, this.#prefixes, task.prefixKey, maxPerPrefix)
    if (isKept) {
      // It may have been brought back in vain, for a place that somebody else who waits can use.
      this.#bringBack(this.#hosts, task.hostKey, maxPerHost)
      this.#bringBack(this.#prefixes, task.prefixKey, maxPerPrefix)
      return false
    }
    take(this.#hosts, task.hostKey)
    take(this.#prefixes, task.prefixKey)
    return true
  }

  /** What was counted in has ended. */
  release(task: Capped<T>): void {
    const { maxPerHost, maxPerPrefix } = this.#options
    giveBack(this.#hosts, task.hostKey)
    this.#bringBack(this.#hosts, task.hostKey, maxPerHost)
    giveBack(this.#prefixes, task.prefixKey)
    this.#bringBack(this.#prefixes, task.prefixKey, maxPerPrefix)
  }

  /** Where the key's share is used up. */
  #keep(task: Capped<T>, shares: Shares<T>, key: Key | undefined, most: number): boolean {
    const share = key === undefined ? undefined : shares.get(key)
    if (share === undefined || share.taken < most) return false
    share.waiting.push(task)
    this.#waiting++
    return true
  }

  /** The first that waits for this key, where there is room for one; a share that nobody needs goes. */
  #bringBack(shares: Shares<T>, key: Key | undefined, most: number): void {
    const share = key === undefined ? undefined : shares.get(key)
    if (share === undefined || key === undefined) return
    if (share.waiting.size > 0 && share.taken < most) {
      this.#waiting--
      this.#back(share.waiting.take())
    }
    if (share.waiting.size === 0 && share.taken === 0) shares.delete(key)
  }

  /** A name's networks are those of its addresses, and paths have none. */
  #prefixKey(version: IpVersion, { word0, word1, word2, word3 }: Words): Key | undefined {
    const { prefixLengths } = this.#options
    if (version === 0) return undefined
    const ipv4 = ipv4Of(version, { word0, word1, word2, word3 })
    if (ipv4 !== undefined) return inNetworkOrder(ipv4) >>> (32 - prefixLengths.inet)
    let key = ''
    let bits = prefixLengths.inet6
    for (const word of [word0, word1, word2, word3]) {
      if (bits > 0) key += `${bits >= 32 ? word >>> 0 : inNetworkOrder(word) >>> (32 - bits)}:`
      bits -= 32
    }
    return key
  }
}

function take<T>(shares: Shares<T>, key: Key | undefined): void {
  if (key === undefined) return
  const share = shares.get(key)
  if (share) share.taken++
  else shares.set(key, { taken: 1, waiting: new Fifo() })
}

function giveBack<T>(shares: Shares<T>, key: Key | undefined): void {
  const share = key === undefined ? undefined : shares.get(key)
  if (share) share.taken--
}

/** `::ffff:192.0.2.1` is the host 192.0.2.1: its packets are IPv4 on the wire. */
function ipv4Of(version: IpVersion, { word0, word1, word2, word3 }: Words): number | undefined {
  if (version === 4) return word0
  return word0 === 0 && word1 === 0 && word2 === V4_MAPPED ? word3 : undefined
}

function addressKey(version: IpVersion, words: Words): Key {
  const { word0, word1, word2, word3 } = words
  return ipv4Of(version, words) ?? `${word0}:${word1}:${word2}:${word3}`
}

function hostKey<T>(task: Task<T>): Key {
  if (task.version !== 0) return addressKey(task.version, task)
  const endpoint = endpointOfTask(task)
  if ('host' in endpoint) {
    const address = addressOfTask(task)
    return address && 'address' in address ? address.address : endpoint.host.toLowerCase()
  }
  return 'path' in endpoint ? `unix:${endpoint.path}` : `vsock:${endpoint.cid}`
}
