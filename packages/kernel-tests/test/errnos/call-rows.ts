/** The errnos that take other calls than one `connect()`. */
import { HOSTS, PORTS } from './lab.js'
import { connect, local, local127, type Row } from './row.js'

const inet = (port: number) => ({ family: 'inet', address: '127.0.0.1', port }) as const

export const CALL_ROWS: readonly Row[] = [
  {
    errno: 'EMFILE',
    how: 'RLIMIT_NOFILE',
    provoke: (lab, backend) =>
      lab.at('starved').connecting('connectStarved', backend, local127(PORTS.closed)),
    expected: { code: 'EMFILE', ...local },
    syscall: 'socket',
  },
  {
    errno: 'ECONNREFUSED',
    how: 'udp: of the datagram before, by ICMP',
    provoke: (lab, backend) =>
      lab.at('network').connecting('send', backend, `udp://127.0.0.1:${PORTS.closed}`),
    expected: { code: 'ECONNREFUSED', phase: 'receive', localFault: false },
    needs: { socket: ['inet', 'dgram'] },
  },
  {
    errno: 'EPERM',
    how: 'a firewall that drops what udp sends',
    provoke: (lab, backend) =>
      lab.at('network').connecting('send', backend, `udp://127.0.0.1:${PORTS.udpDropped}`),
    expected: { code: 'EPERM', phase: 'send', localFault: true },
    // node:dgram sends in a turn of its own: whoever reads, or sends next, is told.
    onNet: { phase: 'receive' },
    needs: { socket: ['inet', 'dgram'], machine: 'nft' },
  },
  {
    errno: 'EACCES',
    how: 'a route that prohibits, put in after a udp connect',
    provoke: (lab, backend) =>
      lab.at('rejecting').connecting('sendOverProhibited', backend, '10.8.0.3', 'udp://10.8.0.3:9'),
    expected: { code: 'EACCES', localFault: true },
    needs: { socket: ['inet', 'dgram'] },
  },
  {
    errno: 'EPERM',
    how: 'a unix datagram socket that is connected to somebody else',
    provoke: (lab, backend) =>
      lab.at('plain').connecting('connectToTaken', backend, lab.path('taken')),
    expected: { code: 'EPERM', ...connect },
    syscall: 'connect',
    needs: { socket: ['unix', 'dgram'], capability: 'bind' },
  },
  {
    errno: 'EINPROGRESS, EALREADY',
    how: 'a second connect() in SYN_SENT, with a full backlog',
    provoke: (lab, backend) => lab.at('network').calling('connectAgain', backend, inet(PORTS.full)),
    expected: ['EINPROGRESS', 'EALREADY'],
  },
  {
    errno: 'EISCONN',
    how: 'connect() once connected, tcp',
    provoke: (lab, backend) =>
      lab.at('network').calling('connectConnected', backend, inet(PORTS.open)),
    expected: ['EISCONN'],
  },
  {
    errno: 'EISCONN',
    how: 'connect() once connected, unix',
    provoke: (lab, backend) =>
      lab
        .at('network')
        .calling('connectConnected', backend, { family: 'unix', path: lab.path('open') }),
    expected: ['EISCONN'],
  },
  {
    errno: 'EINVAL',
    how: 'a unix path of 109 bytes',
    provoke: (lab, backend) => {
      const to = { family: 'unix', path: 'x'.repeat(109) } as const
      return lab.at('network').calling('connectAs', backend, { family: 'unix', type: 'stream' }, to)
    },
    expected: ['EINVAL'],
  },
  {
    errno: 'EAFNOSUPPORT',
    how: 'an IPv6 address on an IPv4 socket',
    provoke: (lab, backend) => {
      const to = { family: 'inet6', address: '::1', port: PORTS.closed } as const
      return lab.at('network').calling('connectAs', backend, { family: 'inet', type: 'stream' }, to)
    },
    expected: ['EAFNOSUPPORT'],
  },
  {
    errno: 'ECONNRESET',
    how: 'shutdown() in SYN_SENT',
    provoke: (lab, backend) =>
      lab.at('network').calling('endConnecting', backend, inet(PORTS.full), 'shutdown'),
    expected: ['ECONNRESET'],
  },
  {
    errno: 'ECONNRESET',
    how: 'AF_UNSPEC in SYN_SENT',
    provoke: (lab, backend) =>
      lab.at('network').calling('endConnecting', backend, inet(PORTS.full), 'disconnect'),
    expected: ['ECONNRESET'],
  },
  {
    errno: 'ECONNRESET',
    how: "the peer's RST before we poll: connected, and the reader is told",
    provoke: async (lab, backend) => {
      const { told, broken } = await lab.at('plain').trapping('peerActsFirst', backend, 'reset')
      return broken ?? told
    },
    expected: { code: 'ECONNRESET', phase: 'receive', localFault: false },
  },
  {
    errno: 'EINTR',
    how: 'a blocking connect and signals: it goes on, and the next connect() says EALREADY',
    provoke: (lab) => {
      const to = { family: 'inet', address: HOSTS.silent, port: 80 } as const
      return lab.at('signalled').calling('waitThroughSignals', to, 500)
    },
    expected: ['EINPROGRESS', 'EALREADY', 'waited'],
    needs: { capability: 'kernelSockets' },
  },
]
