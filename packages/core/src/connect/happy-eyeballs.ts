/**
 * Happy Eyeballs version 2 (RFC 8305) without sockets and without time: which of a name's addresses is tried next, and
 * when. Its driver, `address-race.ts`, makes the attempts, runs the one timer, and feeds back what came of them.
 *
 * - Families take turns, the preferred one first (section 4, "First Address Family Count" of 1).
 * - IPv4 addresses that come before the IPv6 answer are held back for a moment (section 3, "Resolution Delay").
 * - The next address is tried when an attempt has failed, or when the latest one has had its time to answer (section 5,
 *   "Connection Attempt Delay"). No attempt is given up for that: all go on until one wins.
 */
import type { InetAddress } from '../backend/address.js'
import type { InetFamily } from '../backend/ip-text.js'

/** What to do now. */
export type RaceStep =
  /** Try this address, and start the timer with the attempt delay. */
  | { readonly kind: 'try'; readonly address: InetAddress }
  /** Start the timer with the resolution delay. */
  | { readonly kind: 'holdBack' }
  /** Nothing: something is under way, and the timer stays as it is. */
  | { readonly kind: 'wait' }
  /** Nothing is under way, nothing is left, and nothing more will come. */
  | { readonly kind: 'lose' }

const HOLD_BACK: RaceStep = { kind: 'holdBack' }
const WAIT: RaceStep = { kind: 'wait' }
const LOSE: RaceStep = { kind: 'lose' }

export class HappyEyeballs {
  readonly #queues: Readonly<Record<InetFamily, InetAddress[]>> = { inet: [], inet6: [] }
  /** Literals that were ever queued: one that a resolver gives twice is tried once. */
  readonly #known = new Set<string>()
  /** Whose turn it is. */
  #turn: InetFamily = 'inet6'
  /** The family whose answer is still to come. */
  #awaited: InetFamily | undefined
  #underWay = 0
  /** Addresses that may still be tried. */
  #left: number
  /** Another attempt may begin as soon as there is an address. */
  #due = true
  /** The address given last waits for its turn on this side. */
  #isHeld = false
  #state: 'new' | 'heldBack' | 'begun' = 'new'

  /** `most`: how many addresses are tried. */
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#left = most
  }

  /** A resolver gave these, best first; `awaited` is the family that it has yet to tell of. */
  answered(addresses: readonly InetAddress[], awaited: InetFamily | undefined): RaceStep {
    this.#awaited = awaited
    // A list that came whole is in the order of RFC 6724; what came by families has none, so IPv6 goes first.
    if (this.#state === 'new' && addresses[0]) this.#turn = addresses[0].family
    if (this.#state === 'heldBack') this.#turn = 'inet6'
    for (const address of addresses) {
      if (this.#known.has(address.address)) continue
      this.#known.add(address.address)
      this.#queues[address.family].push(address)
    }
    return this.#next()
  }

  /** The timer fired. */
  delayPassed(): RaceStep {
    if (this.#state === 'heldBack') this.#state = 'begun'
    this.#due = true
    return this.#next()
  }

  /** The attempt has to wait for its turn: nothing else begins before it. */
  held(): void {
    this.#isHeld = true
  }

  /** It is its turn. */
  admitted(): void {
    this.#isHeld = false
    this.#due = false
  }

  /** An attempt failed; `wasMade` is false for one that was denied. */
  failed(wasMade = true): RaceStep {
    this.#underWay--
    if (!wasMade) this.#left++
    this.#due = true
    return this.#next()
  }

  /**
   * An attempt could not be made, as this side has run out of something: it is made again once another one has given
   * back what it had.
   */
  exhausted(address: InetAddress): RaceStep {
    this.#underWay--
    this.#left++
    if (this.#underWay === 0) return LOSE
    this.#queues[address.family].unshift(address)
    this.#turn = address.family
    this.#due = false
    return WAIT
  }

  /** There is an address that has not been tried, or may be one. */
  get hasMore(): boolean {
    return this.#hasAddress || this.#awaited !== undefined
  }

  get #hasAddress(): boolean {
    return this.#left > 0 && this.#queues.inet.length + this.#queues.inet6.length > 0
  }

  #next(): RaceStep {
    if (!this.#hasAddress) {
      return this.#underWay === 0 && this.#awaited === undefined ? LOSE : WAIT
    }
    if (!this.#due || this.#isHeld) return WAIT
    if (this.#state !== 'begun' && this.#awaited === 'inet6') {
      if (this.#state === 'heldBack') return WAIT
      this.#state = 'heldBack'
      return HOLD_BACK
    }
    return this.#try()
  }

  #try(): RaceStep {
    const family = this.#queues[this.#turn].length > 0 ? this.#turn : other(this.#turn)
    const address = this.#queues[family].shift() as InetAddress
    this.#turn = other(family)
    this.#state = 'begun'
    this.#due = false
    this.#underWay++
    this.#left--
    return { kind: 'try', address }
  }
}

function other(family: InetFamily): InetFamily {
  return family === 'inet' ? 'inet6' : 'inet'
}
