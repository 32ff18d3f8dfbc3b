/** Host names to addresses, behind an interface: the default asks the system, getaddrinfo(3). */
import { lookup } from 'node:dns/promises'
import { type InetAddress, literalFamily } from './address.js'
import type { Failure } from './errors.js'

export interface Resolver {
  /** Address literals for `host`, best first, at least one; rejects where there is none. */
  resolve(host: string): Promise<readonly string[]>
}

export const systemResolver: Resolver = {
  async resolve(host) {
    const found = await lookup(host, { all: true, verbatim: true })
    return found.map(({ address }) => address)
  },
}

/** Asks a resolver, and takes nothing from it on trust: it may throw, or give what is no list of addresses. */
export async function resolveAddresses(
  resolver: Resolver,
  host: string,
  port: number,
): Promise<readonly [InetAddress, ...InetAddress[]]> {
  const found: InetAddress[] = []
  for (const address of await resolver.resolve(host)) {
    const family = literalFamily(address)
    if (family) found.push({ family, address, port })
  }
  const [first, ...others] = found
  if (first === undefined) throw new Error(`the resolver gave no address for ${host}`)
  return [first, ...others]
}

/** Node's own codes (ENOTFOUND, EAI_AGAIN, ...) pass through. */
export function resolveFailure(host: string, cause: unknown): Failure {
  const code = (cause as { code?: unknown } | null)?.code
  const number = (cause as { errno?: unknown } | null)?.errno
  return {
    code: typeof code === 'string' ? code : 'ERR_RESOLVE',
    errno: typeof number === 'number' ? number : undefined,
    syscall: 'getaddrinfo',
    phase: 'resolve',
    localFault: code === 'EMFILE' || code === 'ENFILE',
    reason:
      code === 'ENOTFOUND'
        ? `the name ${host} has no address`
        : `the name ${host} could not be resolved`,
    cause,
  }
}
