/** The errnos that the packets of rejections.ts are made into, for TCP and for UDP where that is told. */
import type { Lab } from './lab.js'
import { FIRST_PORT, PACKETS, type Packet, PEER } from './rejections.js'
import type { Expected, Row } from './row.js'

function rowsOf(family: 'ip' | 'ip6', packets: readonly Packet[]): readonly Row[] {
  const what = family === 'ip' ? 'ICMP' : 'ICMPv6'
  return packets.flatMap(({ name, errno, tellsUdp, type, code }, index) => {
    const to = `${PEER[family]}:${FIRST_PORT + index}`
    const how = `${what} ${type}/${code}, ${name}`
    const needs = { machine: 'nft' } as const
    const tcp: Row = {
      errno,
      how: `tcp: ${how}`,
      provoke: (lab: Lab, backend) =>
        lab.at('rejecting').connecting('connectBothWays', backend, `tcp://${to}`),
      expected: { code: errno, phase: 'connect', localFault: false, kind: kindOf(errno) },
      needs,
      // Of the first SYN's answer it keeps a note alone, and sends the next after a second.
      isSlow: family === 'ip6',
    }
    if (!tellsUdp) return [tcp]
    const socket = [family === 'ip' ? 'inet' : 'inet6', 'dgram'] as const
    const udp: Row = {
      errno,
      how: `udp: ${how}`,
      provoke: (lab: Lab, backend) =>
        lab.at('rejecting').connecting('send', backend, `udp://${to}`),
      expected: { code: errno, phase: 'receive', localFault: false },
      needs: { ...needs, socket },
    }
    return [tcp, udp]
  })
}

function kindOf(errno: string): NonNullable<Expected['kind']> {
  return errno === 'ECONNREFUSED' ? 'refused' : 'unreachable'
}

export const REJECTION_ROWS: readonly Row[] = [
  ...rowsOf('ip', PACKETS.ip),
  ...rowsOf('ip6', PACKETS.ip6),
]
