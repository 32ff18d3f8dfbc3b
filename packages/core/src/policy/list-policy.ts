/** The policy that `destinationPolicy()` makes: lists of rules, and the verdict they come to together. */
import type { SocketAddress } from '../backend/address.js'
import { formatIp } from '../backend/ip-text.js'
import type { DestinationPolicy, DestinationPolicyOptions, PolicyVerdict } from './policy.js'
import {
  type Block,
  type IpBytes,
  isUnspecified,
  NAT64_PREFIX_LENGTHS,
  parseBlock,
  parseIp,
  reach,
} from './policy-address.js'
import { BlockSet } from './policy-blocks.js'
import type { NamedRange } from './policy-ranges.js'
import {
  checkList,
  isPlainUnixPath,
  isWhole,
  LAST_PORT,
  LAST_U32,
  portMatcher,
  text,
  unixMatcher,
  vsockMatcher,
} from './policy-rules.js'

type Check<T extends readonly unknown[]> = (...values: T) => PolicyVerdict

const OPTIONS = ['allow', 'deny', 'ports', 'denyPorts', 'unixPaths', 'vsock', 'nat64Prefixes']

/** See {@link destinationPolicy}. */
export class ListPolicy implements DestinationPolicy {
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
