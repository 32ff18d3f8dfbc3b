/** A name's look-up as the engine makes it: both families side by side where the resolver can, and nothing taken on trust. */
import { type InetAddress, literalFamily } from '../backend/address.js'
import type { InetFamily } from '../backend/ip-text.js'
import { codeOf, type LookUpContext, type ResolvedAddress, type Resolver } from './resolver.js'

export interface LookUpListener {
  /** The look-up has to wait for its turn: nobody else is waited for. */
  lookUpWaits(): void
  /** It waits no longer. */
  lookUpBegins(): void
  /** Addresses, best first; `awaited` is the family whose answer is still to come. */
  found(addresses: readonly [InetAddress, ...InetAddress[]], awaited: InetFamily | undefined): void
  /** There is no address, or no further one: `cause` says why. The last call. */
  noneFound(cause: unknown): void
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** One name's look-up: a question to the resolver, or two side by side. */
export class LookUp implements LookUpContext {
  readonly #listener: LookUpListener
  readonly #controller = new AbortController()
  #isWaiting = false
  #hasBegun = false
  #isOver = false

  constructor(listener: LookUpListener) {
    this.#listener = listener
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Calls back in a later turn. `families` are those that are of use, the preferred one first. */
  start(resolver: Resolver, { host, port }: HostPort, families: readonly InetFamily[]): void {
    const awaited = new Set<InetFamily>(resolver.resolveFamily && families)
    let cause: unknown
    /** Asks, and takes whatever comes of it; a resolver may also throw. */
    const ask = async (question: () => unknown): Promise<readonly InetAddress[]> => {
      try {
        return addressesOf(await question(), port)
      } catch (reason) {
        if (cause === undefined || codeOf(cause) === 'ENODATA') cause = reason
        return []
      }
    }
    const answered = ([first, ...others]: readonly InetAddress[]): void => {
      const [other] = awaited
      this.#isOver ||= other === undefined
      if (first || this.#isOver) this.begun()
      if (first) this.#listener.found([first, ...others], other)
      else if (other === undefined) {
        const none = new Error(`the resolver gave no address for ${host}`)
        this.#listener.noneFound(cause ?? none)
      }
    }
    if (resolver.resolveFamily === undefined) {
      void ask(() => resolver.resolve(host, this)).then(answered)
      return
    }
    for (const family of families) {
      void ask(() => resolver.resolveFamily?.(host, family, this)).then((addresses) => {
        awaited.delete(family)
        answered(addresses.filter((address) => address.family === family))
      })
    }
  }

  waiting(): void {
    if (this.#hasBegun || this.#isWaiting) return
    this.#isWaiting = true
    this.#listener.lookUpWaits()
  }

  /** Of two questions the first counts: from then on somebody else is waited for. */
  begun(): void {
    this.#hasBegun = true
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#listener.lookUpBegins()
  }

  /** Nobody waits for what is still to come. */
  cancel(): void {
    if (!this.#isOver) this.#controller.abort()
    this.#isOver = true
  }
}

/** What is no address literal is left out. */
function addressesOf(answer: unknown, port: number): InetAddress[] {
  const found: InetAddress[] = []
  for (const one of answer as Iterable<string | ResolvedAddress>) {
    const address = typeof one === 'string' ? one : one?.address
    const family = literalFamily(address)
    if (family) found.push({ family, address, port })
  }
  return found
}
