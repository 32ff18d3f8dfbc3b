/**
 * Every ICMP and ICMPv6 packet that the kernel makes an errno of: `icmp_err_convert` of net/ipv4/icmp.c, `tab_unreach` of
 * net/ipv6/icmp.c, "time exceeded", "parameter problem". Rejected by a host at the other end of a cable, as on a real network:
 * the packet comes when connect(2) has long returned. (ENOTSUP is Node's name for EOPNOTSUPP: one number on Linux.)
 */
export interface Packet {
  readonly type: number
  readonly code: number
  readonly name: string
  readonly errno: string
  /** A connected UDP socket is told of it too; without IP_RECVERR that goes for some only: udp_err(). */
  readonly tellsUdp?: true
}

const IPV4: readonly Packet[] = [
  { type: 3, code: 0, name: 'net unreachable', errno: 'ENETUNREACH' },
  { type: 3, code: 1, name: 'host unreachable', errno: 'EHOSTUNREACH' },
  { type: 3, code: 2, name: 'protocol unreachable', errno: 'ENOPROTOOPT', tellsUdp: true },
  { type: 3, code: 3, name: 'port unreachable', errno: 'ECONNREFUSED', tellsUdp: true },
  { type: 3, code: 5, name: 'source route failed', errno: 'ENOTSUP' },
  { type: 3, code: 6, name: 'net unknown', errno: 'ENETUNREACH', tellsUdp: true },
  { type: 3, code: 7, name: 'host unknown', errno: 'EHOSTDOWN', tellsUdp: true },
  { type: 3, code: 8, name: 'host isolated', errno: 'ENONET', tellsUdp: true },
  { type: 3, code: 9, name: 'net prohibited', errno: 'ENETUNREACH', tellsUdp: true },
  { type: 3, code: 10, name: 'host prohibited', errno: 'EHOSTUNREACH', tellsUdp: true },
  { type: 3, code: 11, name: 'net unreachable for its service', errno: 'ENETUNREACH' },
  { type: 3, code: 12, name: 'host unreachable for its service', errno: 'EHOSTUNREACH' },
  { type: 3, code: 13, name: 'admin prohibited', errno: 'EHOSTUNREACH', tellsUdp: true },
  { type: 3, code: 14, name: 'precedence violation', errno: 'EHOSTUNREACH', tellsUdp: true },
  { type: 3, code: 15, name: 'precedence cutoff', errno: 'EHOSTUNREACH', tellsUdp: true },
  { type: 11, code: 0, name: 'time exceeded', errno: 'EHOSTUNREACH' },
  { type: 12, code: 0, name: 'parameter problem', errno: 'EPROTO', tellsUdp: true },
]

const IPV6: readonly Packet[] = [
  { type: 1, code: 0, name: 'no route', errno: 'ENETUNREACH' },
  { type: 1, code: 1, name: 'admin prohibited', errno: 'EACCES', tellsUdp: true },
  { type: 1, code: 2, name: 'beyond scope', errno: 'EHOSTUNREACH' },
  { type: 1, code: 3, name: 'address unreachable', errno: 'EHOSTUNREACH' },
  { type: 1, code: 4, name: 'port unreachable', errno: 'ECONNREFUSED', tellsUdp: true },
  { type: 1, code: 5, name: 'policy fail', errno: 'EACCES', tellsUdp: true },
  { type: 1, code: 6, name: 'reject route', errno: 'EACCES', tellsUdp: true },
  { type: 3, code: 0, name: 'time exceeded', errno: 'EHOSTUNREACH' },
  { type: 4, code: 0, name: 'parameter problem', errno: 'EPROTO', tellsUdp: true },
]

export const PACKETS = { ip: IPV4, ip6: IPV6 } as const

/** Of the first packet of each list; the others' follow. */
export const FIRST_PORT = 3_000
export const PEER = { ip: '10.8.0.2', ip6: '[fd00::2]' } as const

/** A cable to a host that answers each port with another packet. */
export const REJECTING = {
  cables: [
    {
      name: 'v0',
      addresses: ['10.8.0.1/24', 'fd00::1/64 nodad'],
      peer: ['10.8.0.2/24', 'fd00::2/64 nodad'],
    },
  ],
  peerSysctls: { 'net.ipv4.icmp_ratelimit': 0, 'net.ipv6.icmp.ratelimit': 0 },
  peerRules: [
    rules('ip', IPV4, { reject: 'icmp type port-unreachable', field: 'icmp', innerPort: 240 }),
    rules('ip6', IPV6, { reject: 'icmpv6 type port-unreachable', field: 'icmpv6', innerPort: 400 }),
  ].join('\n'),
} as const

/** nft(8) rejects with some of them only, so it makes one of those into another on its way out: by the port in what it quotes. */
function rules(
  family: 'ip' | 'ip6',
  packets: readonly Packet[],
  how: { readonly reject: string; readonly field: string; readonly innerPort: number },
): string {
  const rewritten = packets.map(({ type, code }, index) => {
    const port = FIRST_PORT + index
    return `@th,${how.innerPort},16 ${port} ${how.field} type set ${type} ${how.field} code set ${code}`
  })
  return `table ${family} rejecting {
    chain in {
      type filter hook input priority 0
      meta l4proto { tcp, udp } th dport ${FIRST_PORT}-${FIRST_PORT + packets.length - 1} reject with ${how.reject}
    }
    chain out {
      type filter hook output priority 0
      meta l4proto != { ${family === 'ip' ? 'icmp' : 'icmpv6'} } accept
      ${rewritten.join('\n      ')}
    }
  }`
}
