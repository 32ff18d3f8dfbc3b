/** A name's look-up as the engine makes it: both families side by side where the resolver can, and nothing taken on trust. */
import { type InetAddress, literalFamily } from '../backend/address.js'
import type { InetFamily } from '../connect/happy-eyeballs.js'
import { codeOf, type ResolvedAddress, type Resolver } from './resolver.js'

export interface LookUpListener {
  /** Addresses, best first; `awaited` is the family whose answer is still to come. */
  found(addresses: readonly [InetAddress, ...InetAddress[]], awaited: InetFamily | undefined): void
  /** There is no address, or no further one: `cause` says why. The last call. */
  noneFound(cause: unknown): void
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Calls back in a later turn. `families` are those that are of use, the preferred one first. */
export function lookUp(
  resolver: Resolver,
  { host, port }: HostPort,
  families: readonly InetFamily[],
  listener: LookUpListener,
): void {
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
    if (first) listener.found([first, ...others], other)
    else if (other === undefined) {
      listener.noneFound(cause ?? new Error(`the resolver gave no address for ${host}`))
    }
  }
  if (resolver.resolveFamily === undefined) {
    void ask(() => resolver.resolve(host)).then(answered)
    return
  }
  for (const family of families) {
    void ask(() => resolver.resolveFamily?.(host, family)).then((addresses) => {
      awaited.delete(family)
      answered(addresses.filter((address) => address.family === family))
    })
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
