/**
 * How many attempts may be in flight to one host, and to one network: what is over its cap waits here, and keeps nobody
 * else from going on.
 */
import { inNetworkOrder } from '../backend/byte-order.js'
import { Fifo } from '../reactor/fifo.js'
import { addressOfTask, endpointOf, type Task } from './task.js'

export interface CapOptions {
  readonly maxPerHost: number
  readonly maxPerPrefix: number
  /** Bits that are the same within a network, from 1. */
  readonly prefixLengths: { readonly inet: number; readonly inet6: number }
}

type Key = number | string

/** What is under way under one key, and what waits for it. */
interface Share<T> {
  taken: number
  readonly waiting: Fifo<Task<T>>
}

type Shares<T> = Map<Key, Share<T>>

export class Caps<T> {
  readonly #options: CapOptions
  readonly #back: (task: Task<T>) => void
  readonly #hosts: Shares<T> = new Map()
  readonly #prefixes: Shares<T> = new Map()
  #waiting = 0

  /** `back` takes what may be offered again. */
  constructor(options: CapOptions, back: (task: Task<T>) => void) {
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
    task.prefixKey = maxPerPrefix === Number.POSITIVE_INFINITY ? undefined : this.#prefixKey(task)
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

  /** A task that was counted in has ended. */
  release(task: Task<T>): void {
    const { maxPerHost, maxPerPrefix } = this.#options
    giveBack(this.#hosts, task.hostKey)
    this.#bringBack(this.#hosts, task.hostKey, maxPerHost)
    giveBack(this.#prefixes, task.prefixKey)
    this.#bringBack(this.#prefixes, task.prefixKey, maxPerPrefix)
  }

  /** Where the key's share is used up. */
  #keep(task: Task<T>, shares: Shares<T>, key: Key | undefined, most: number): boolean {
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

  /** A name's network is not known before it is resolved; paths have none. */
  #prefixKey(task: Task<T>): Key | undefined {
    const { prefixLengths } = this.#options
    const { version, word0, word1, word2, word3 } = task
    if (version === 0) return undefined
    if (version === 4) return inNetworkOrder(word0) >>> (32 - prefixLengths.inet)
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

function hostKey<T>(task: Task<T>): Key {
  const { version, word0, word1, word2, word3 } = task
  if (version === 4) return word0
  if (version === 6) return `${word0}:${word1}:${word2}:${word3}`
  const endpoint = endpointOf(task)
  if ('host' in endpoint) {
    const address = addressOfTask(task)
    return address && 'address' in address ? address.address : endpoint.host.toLowerCase()
  }
  return 'path' in endpoint ? `unix:${endpoint.path}` : `vsock:${endpoint.cid}`
}
