/** A network as data, and the commands that lay it out. */

/** One cable: a pair of virtual interfaces, veth(4). What is sent into one end comes out of the other. */
export interface Cable {
  /** Name of the end in the agent's namespace. */
  readonly name: string
  /** With their prefix: `10.9.0.1/24`. */
  readonly addresses: readonly string[]
  /** Link addresses of neighbours by their IP address, so that nobody is asked for them: ip-neighbour(8). */
  readonly neighbours?: Readonly<Record<string, string>>
  /** The agent's end is left down. */
  readonly down?: boolean
  /** The other end: with addresses it is in the namespace of the peer, without them nobody is there. */
  readonly peer?: readonly string[]
}

export interface Layout {
  readonly cables?: readonly Cable[]
  /** More addresses of `lo`. */
  readonly addresses?: readonly string[]
  /** As in `ip route add`: `unreachable 10.1.0.0/16`. */
  readonly routes?: readonly string[]
  /** By their names in sysctl(8): `net.ipv4.tcp_syn_retries`. An interface's own come after the interface. */
  readonly sysctls?: Readonly<Record<string, string | number>>
  /** A ruleset as nft(8) reads it. */
  readonly rules?: string
  /** The same two of the peer's namespace. */
  readonly peerSysctls?: Readonly<Record<string, string | number>>
  readonly peerRules?: string
}

/** What a namespace is to be made of, in the order in which the parts are to come. */
export interface Setup {
  /** Lines for `ip -batch`. */
  readonly ip: readonly string[]
  readonly sysctls?: Readonly<Record<string, string | number>>
  readonly rules?: string
}

const farEnd = (cable: Cable): string => `${cable.name}-far`

const UP = 'link set lo up'

/** For the agent's own namespace. `peerPid` is a process in the peer's. */
export function setupHere(layout: Layout, peerPid: number | undefined): Setup {
  const { cables = [], addresses = [], routes = [], sysctls, rules } = layout
  const ip = [
    UP,
    ...addresses.map((address) => `address add ${address} dev lo`),
    ...cables.flatMap((cable) => cableLines(cable, peerPid)),
    ...routes.map((route) => `route add ${route}`),
  ]
  return { ip, ...(sysctls && { sysctls }), ...(rules && { rules }) }
}

function cableLines(cable: Cable, peerPid: number | undefined): string[] {
  const { name, addresses, neighbours = {}, down = false, peer } = cable
  const far = farEnd(cable)
  return [
    `link add ${name} type veth peer name ${far}`,
    ...addresses.map((address) => `address add ${address} dev ${name}`),
    ...(peer ? [`link set ${far} netns ${peerPid}`] : [`link set ${far} up`]),
    ...(down ? [] : [`link set ${name} up`]),
    ...Object.entries(neighbours).map(
      ([address, link]) => `neigh add ${address} lladdr ${link} dev ${name}`,
    ),
  ]
}

/** For the peer's namespace, once the cables' ends are in it. */
export function setupPeer({ cables = [], peerSysctls, peerRules }: Layout): Setup {
  const lines = cables.flatMap((cable) => {
    const { peer } = cable
    if (peer === undefined) return []
    const far = farEnd(cable)
    return [...peer.map((address) => `address add ${address} dev ${far}`), `link set ${far} up`]
  })
  return {
    ip: [UP, ...lines],
    ...(peerSysctls && { sysctls: peerSysctls }),
    ...(peerRules && { rules: peerRules }),
  }
}

export function hasPeer({ cables = [] }: Layout): boolean {
  return cables.some((cable) => cable.peer !== undefined)
}
