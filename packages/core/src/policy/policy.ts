/** Destination policies: where connections may go, judged on the address that is about to be connected to. */
import type { SocketAddress } from '../backend/address.js'
import {
  type Block,
  formatIp,
  type IpBytes,
  isUnspecified,
  NAT64_PREFIX_LENGTHS,
  parseBlock,
  parseIp,
  reach,
} from './policy-address.js'
import { BlockSet } from './policy-blocks.js'
import { type NamedRange, nonPublicRanges, unicastRanges } from './policy-ranges.js'
import {
  checkList,
  isPlainUnixPath,
  isWhole,
  LAST_PORT,
  LAST_U32,
  type PortRule,
  portMatcher,
  text,
  unixMatcher,
  type VsockRule,
  vsockMatcher,
} from './policy-rules.js'

export type { PortRule, VsockRule } from './policy-rules.js'

/** What a policy says of one address. */
export interface PolicyVerdict {
  readonly allowed: boolean
  /**
   * The rule that decided: `allow 192.0.2.0/24`, `deny 10.0.0.0/8`, `ports`, `unixPaths /run/app/`, ...; `malformed` for
   * what is no address, `unspecified` for 0.0.0.0 and `::`, `allow` where no rule allows it.
   */
  readonly rule: string
  /** One line for people. */
  readonly reason: string
}

/**
 * Says where connections may go. Applied to the address that a name was resolved to, just before connect(2), so that a
 * name can't lead elsewhere between look-up and connect.
 *
 * Anything with this method will do, so policies can be put together.
 *
 * @example
 * ```ts
 * import { type DestinationPolicy, destinationPolicy, publicInternetOnly } from '@pollout/core'
 *
 * const ours = destinationPolicy({ allow: ['10.1.0.0/16'], ports: [443] })
 * const publicOrOurs: DestinationPolicy = {
 *   check(address) {
 *     const verdict = publicInternetOnly.check(address)
 *     return verdict.allowed ? verdict : ours.check(address)
 *   },
 * }
 * ```
 */
export interface DestinationPolicy {
  check(address: SocketAddress): PolicyVerdict
}

export interface DestinationPolicyOptions {
  /** Blocks that may be reached, `10.0.0.0/8` or single addresses. Without it: all IP addresses but the denied. */
  readonly allow?: readonly (string | NamedRange)[] | undefined
  /** Blocks that may not, even where `allow` has them. */
  readonly deny?: readonly (string | NamedRange)[] | undefined
  /** TCP and UDP ports that may be reached. Without it: all but the denied. */
  readonly ports?: readonly PortRule[] | undefined
  /** TCP and UDP ports that may not, even where `ports` has them. */
  readonly denyPorts?: readonly PortRule[] | undefined
  /**
   * Unix sockets that may be reached: `/run/x.sock`, all below `/run/app/`, or `@abstract`. Without it: none. The kernel
   * follows symbolic links, so a directory that others can write to allows them to lead anywhere.
   */
  readonly unixPaths?: 'any' | readonly string[] | undefined
  /** Virtual machines' addresses that may be reached. Without it: none. */
  readonly vsock?: 'any' | readonly VsockRule[] | undefined
  /**
   * Prefixes of the own network's NAT64 translators (RFC 6052), so that the IPv4 addresses behind them are judged. The
   * well-known 64:ff9b::/96 needs no mention; those in 64:ff9b:1::/48 are guessed, widely, where they are not told.
   */
  readonly nat64Prefixes?: readonly string[] | undefined
}

/**
 * A policy made of lists. What is denied wins over what is allowed; all lists have to agree.
 *
 * It fails closed: an unknown family, text that is no address literal (`127.1`, `0x7f.1`, a name), a port that is no port
 * and a path that is not plain are denied. Addresses are judged by what they reach: v4-mapped and NAT64 addresses as
 * the IPv4 address in them; v4-compatible, 6to4, Teredo and ISATAP ones are also denied where that one is. 0.0.0.0 and
 * `::` are always denied: they reach this machine, under whatever address the socket is bound to. Zones
 * (`fe80::1%eth0`) change nothing.
 *
 * Throws TypeError for a rule that can't be one, and for an option that there is none of.
 *
 * @example
 * ```ts
 * import { destinationPolicy } from '@pollout/core'
 *
 * const policy = destinationPolicy({
 *   allow: ['192.0.2.0/24', '2001:db8::/32'],
 *   deny: ['192.0.2.66'],
 *   ports: [443, '8000-8999'],
 *   unixPaths: ['/run/app/', '@metrics'],
 * })
 * policy.check({ family: 'inet', address: '192.0.2.66', port: 443 })
 * // { allowed: false, rule: 'deny 192.0.2.66', reason: '192.0.2.66 is in 192.0.2.66' }
 * ```
 */
export function destinationPolicy(options: DestinationPolicyOptions = {}): DestinationPolicy {
  return new ListPolicy(options)
}

type Check<T extends readonly unknown[]> = (...values: T) => PolicyVerdict

const OPTIONS = ['allow', 'deny', 'ports', 'denyPorts', 'unixPaths', 'vsock', 'nat64Prefixes']

class ListPolicy implements DestinationPolicy {
  readonly #ip: Check<[bytes: IpBytes, port: number]>
  readonly #unix: Check<[path: string]>
  readonly #vsock: Check<[cid: number, port: number]>

  constructor(options: DestinationPolicyOptions) {
    // A mistyped `denny` must not leave the door open.
    const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key))
    if (unknown !== undefined) {
      throw new TypeError(
        `a destination policy has no ${text(unknown)}, only ${OPTIONS.join(', ')}`,
      )
    }
    this.#ip = ipCheck(options)
    this.#unix = unixCheck(options.unixPaths)
    this.#vsock = vsockCheck(options.vsock)
  }

  check(address: SocketAddress): PolicyVerdict {
    try {
      return this.#judge(address)
    } catch {
      return denied('malformed', 'not a socket address')
    }
  }

  /** Reads each property once: nothing says that it would be the same the next time. */
  #judge(to: SocketAddress): PolicyVerdict {
    const { family } = to
    switch (family) {
      case 'inet':
      case 'inet6': {
        const { address, port } = to
        const bytes = typeof address === 'string' ? parseIp(address) : undefined
        if (bytes?.length !== (family === 'inet' ? 4 : 16)) {
          return denied('malformed', `${text(address)} is no ${family} address`)
        }
        if (!isWhole(port, LAST_PORT)) return denied('malformed', `${text(port)} is no port`)
        return this.#ip(bytes, port)
      }
      case 'unix': {
        const { path } = to
        if (isPlainUnixPath(path)) return this.#unix(path)
        return denied('malformed', `${text(path)} is no plain absolute path and no abstract name`)
      }
      case 'vsock': {
        const { cid, port } = to
        if (isWhole(cid, LAST_U32) && isWhole(port, LAST_U32)) return this.#vsock(cid, port)
        return denied('malformed', `${text(cid)}:${text(port)} is no vsock address`)
      }
      default:
        return denied('malformed', `${text(family)} is no address family that is known here`)
    }
  }
}

function ipCheck(options: DestinationPolicyOptions): Check<[IpBytes, number]> {
  const allow = options.allow && blockSet('allow', options.allow)
  const deny = blockSet('deny', options.deny ?? [])
  const mayPort = options.ports && portMatcher('ports', options.ports, LAST_PORT)
  const mayNotPort = portMatcher('denyPorts', options.denyPorts ?? [], LAST_PORT)
  const nat64 = checkList('nat64Prefixes', options.nat64Prefixes ?? []).map(nat64Prefix)
  return (bytes, port) => {
    if (mayNotPort(port)) return denied('denyPorts', `port ${port} is denied`)
    if (mayPort && !mayPort(port)) return denied('ports', `port ${port} is not allowed`)
    const { targets, also } = reach(bytes, nat64)
    if (targets.some(isUnspecified)) {
      return denied('unspecified', `${formatIp(bytes)} reaches whatever the socket is bound to`)
    }
    for (const place of [...targets, ...also]) {
      const block = deny.find(place)
      if (block) return denied(`deny ${blockOf(block)}`, `${path(bytes, place)} is in ${block}`)
    }
    if (allow === undefined) return permitted('allow', `${formatIp(bytes)} is not denied`)
    for (const place of targets) {
      const block = allow.find(place)
      if (block) return permitted(`allow ${blockOf(block)}`, `${path(bytes, place)} is in ${block}`)
    }
    return denied('allow', `${formatIp(bytes)} is in no allowed block`)
  }
}

function unixCheck(rules: DestinationPolicyOptions['unixPaths']): Check<[string]> {
  if (rules === 'any') return () => permitted('unixPaths', 'unix sockets are allowed')
  const find = unixMatcher(rules ?? [])
  return (path) => {
    const rule = find(path)
    if (rule === undefined) return denied('unixPaths', 'this unix path is not allowed')
    return permitted(`unixPaths ${rule}`, `the path is allowed by ${rule}`)
  }
}

function vsockCheck(rules: DestinationPolicyOptions['vsock']): Check<[number, number]> {
  if (rules === 'any') return () => permitted('vsock', 'vsock is allowed')
  const matches = vsockMatcher(rules ?? [])
  return (cid, port) => {
    if (matches(cid, port)) return permitted('vsock', `vsock ${cid}:${port} is allowed`)
    return denied('vsock', `vsock ${cid}:${port} is not allowed`)
  }
}

/** Names are the block as it was written, with its description where it has one. */
function blockSet(option: string, rules: readonly (string | NamedRange)[]): BlockSet {
  const set = new BlockSet()
  for (const rule of checkList(option, rules)) {
    const { cidr, name } = typeof rule === 'string' ? { cidr: rule, name: undefined } : rule
    const block = typeof cidr === 'string' ? parseBlock(cidr) : undefined
    if (block === undefined) {
      throw new TypeError(
        `${option}: ${text(cidr)} is neither an address nor a block with no bits behind its prefix; write 10.0.0.0/8`,
      )
    }
    set.add(block, name === undefined ? cidr : `${cidr} (${name})`)
  }
  return set
}

function nat64Prefix(prefix: string): Block {
  const block = typeof prefix === 'string' ? parseBlock(prefix) : undefined
  if (block?.bytes.length !== 16 || !NAT64_PREFIX_LENGTHS.includes(block.prefix)) {
    throw new TypeError(
      `nat64Prefixes: ${text(prefix)} is no IPv6 block of ${NAT64_PREFIX_LENGTHS.join(', ')} bits`,
    )
  }
  return block
}

function blockOf(name: string): string {
  return name.split(' ', 1)[0] ?? name
}

/** The address as it was given, and where it leads when that is elsewhere. */
function path(from: IpBytes, to: IpBytes): string {
  return from === to ? formatIp(from) : `${formatIp(from)} leads to ${formatIp(to)}, which`
}

function denied(rule: string, reason: string): PolicyVerdict {
  return { allowed: false, rule, reason }
}

function permitted(rule: string, reason: string): PolicyVerdict {
  return { allowed: true, rule, reason }
}

/**
 * The public internet, on any port, and nothing else: for URLs that strangers hand in. No unix sockets, no vsock.
 *
 * Denies {@link nonPublicRanges} and all IPv6 that is not global unicast. It can't know which public addresses are this
 * machine's own, or lead back into its network: deny those by a policy of your own on the same lists.
 *
 * @example
 * ```ts
 * import { publicInternetOnly } from '@pollout/core'
 *
 * publicInternetOnly.check({ family: 'inet6', address: '64:ff9b::7f00:1', port: 80 })
 * // { allowed: false, rule: 'deny 127.0.0.0/8',
 * //   reason: '64:ff9b::7f00:1 leads to 127.0.0.1, which is in 127.0.0.0/8 (loopback, RFC 1122)' }
 * ```
 */
export const publicInternetOnly: DestinationPolicy = /* @__PURE__ */ destinationPolicy({
  allow: unicastRanges,
  deny: nonPublicRanges,
})
