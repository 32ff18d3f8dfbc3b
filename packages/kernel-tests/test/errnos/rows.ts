/**
 * Every errno, and how it is provoked: shared/semantics.md, as data. What a user is told is the same on every backend.
 */
import type {
  AddressFamily,
  Capabilities,
  OutcomeKind,
  SocketOptionName,
  SocketType,
} from '@pollout/core'
import type { PlainAnswer } from '../../src/inside/plain-sockets.js'
import type { PlainOptions, Told } from '../../src/inside/told.js'
import type { BackendName, Requirement } from '../../src/rig/requirements.js'
import { ABSTRACT, HOSTS, type Lab, type Place, PORTS } from './lab.js'
import { REJECTIONS } from './rejections.js'

/** What is told; a row says as much of it as is promised. */
export interface Expected {
  readonly code: string
  readonly phase?: 'connect' | 'local' | 'send' | 'receive'
  readonly localFault?: boolean
  readonly timedOutBy?: 'kernel' | 'deadline'
  /** What `connectMany()` calls it, on either lane. */
  readonly kind?: OutcomeKind
}

/** What a user is told, or the answers of calls. */
export type Seen = Told | PlainAnswer | readonly PlainAnswer[]

export interface Row {
  readonly errno: string
  readonly how: string
  /** Provokes it, and says what was told. */
  readonly provoke: (lab: Lab, backend: BackendName) => Promise<Seen>
  readonly expected: Expected | readonly PlainAnswer[]
  /** What node:net can't tell in the same way. */
  readonly onNet?: Partial<Expected>
  /** Of the native backend, which makes the very calls: also the system call. */
  readonly syscall?: string
  /** On native: the calls of the connect and their answers. One is S, connect() says it; three are A, asynchronous. */
  readonly calls?: (lab: Lab) => Promise<readonly PlainAnswer[]>
  readonly answers?: readonly string[]
  readonly needs?: Needs
  /** Why node:net can't show it. */
  readonly notOnNet?: string
  /** How long it may take, in milliseconds. */
  readonly takesMs?: readonly [least: number, most: number]
  /** It takes the kernel seconds, and how long is not looked at. */
  readonly isSlow?: boolean
}

/** Skipped where the backend, or the machine, has it not. */
export interface Needs {
  readonly options?: readonly SocketOptionName[]
  readonly socket?: readonly [AddressFamily, SocketType]
  readonly capability?: keyof Capabilities & ('bind' | 'abstractUnix' | 'kernelSockets')
  readonly machine?: Requirement
  /** A bound unix socket, which only the native backend can make. */
  readonly nativeBind?: true
}

export const connect = { phase: 'connect', localFault: false } as const
export const local = { phase: 'local', localFault: true } as const

/** S: connect() itself says it. */
const S = (code: string) => [code]
/** A: under way first, then readiness, then the outcome. */
const A = (poll: string, code: string) => ['EINPROGRESS', `poll ${poll}`, code]
const REFUSED = 'WRITABLE|ERROR|HANGUP'

interface Connecting extends Omit<Row, 'provoke' | 'calls'> {
  readonly to: string | ((lab: Lab) => string)
  readonly options?: PlainOptions
  readonly at?: Place
}

/** A row provoked by `connect()`. */
function byConnect({ to, options = {}, at = 'network', ...row }: Connecting): Row {
  const target = (lab: Lab) => (typeof to === 'string' ? to : to(lab))
  return {
    ...row,
    provoke: (lab, backend) => lab.at(at).connecting('connect', backend, target(lab), options),
    ...(row.answers && {
      calls: (lab) => lab.at(at).calling('oneConnect', 'native', target(lab), options),
    }),
  }
}

const local127 = (port: number) => `tcp://127.0.0.1:${port}`
const at = (name: string) => (lab: Lab) => `unix:${lab.path(name)}`
const inet = (port: number) => ({ family: 'inet', address: '127.0.0.1', port }) as const
const BY_KERNEL = { ...connect, code: 'ETIMEDOUT', timedOutBy: 'kernel' } as const

const CONNECT_ROWS: readonly Connecting[] = [
  {
    errno: '0',
    how: 'tcp, IPv4',
    to: local127(PORTS.open),
    expected: { code: 'connected' },
    answers: A('WRITABLE', 'OK'),
  },
  {
    errno: '0',
    how: 'unix stream: at once',
    to: at('open'),
    expected: { code: 'connected' },
    answers: S('OK'),
  },
  {
    errno: '0',
    how: 'udp: at once, whoever is there',
    to: `udp://127.0.0.1:${PORTS.closed}`,
    expected: { code: 'connected' },
    answers: S('OK'),
    needs: { socket: ['inet', 'dgram'] },
  },
  {
    errno: 'ECONNREFUSED',
    how: 'a closed port',
    to: local127(PORTS.closed),
    expected: { code: 'ECONNREFUSED', ...connect },
    answers: A(REFUSED, 'ECONNREFUSED'),
  },
  {
    errno: 'ECONNREFUSED',
    how: 'TCP port 0',
    to: local127(0),
    expected: { code: 'ECONNREFUSED', ...connect },
    answers: A(REFUSED, 'ECONNREFUSED'),
  },
  {
    errno: 'ECONNREFUSED',
    how: 'ICMP port-unreachable',
    to: local127(PORTS.portUnreachable),
    expected: { code: 'ECONNREFUSED', ...connect },
    answers: A('ERROR', 'ECONNREFUSED'),
    needs: { machine: 'nft' },
  },
  {
    errno: 'ECONNREFUSED',
    how: "a firewall's TCP reset",
    to: local127(PORTS.tcpReset),
    expected: { code: 'ECONNREFUSED', ...connect },
    answers: A(REFUSED, 'ECONNREFUSED'),
    needs: { machine: 'nft' },
  },
  {
    errno: 'ECONNREFUSED',
    how: 'unix: bound, not listening',
    to: at('bound'),
    expected: { code: 'ECONNREFUSED', ...connect },
    answers: S('ECONNREFUSED'),
    needs: { nativeBind: true },
  },
  {
    errno: 'ECONNREFUSED',
    how: 'unix: a stale file',
    to: at('stale'),
    expected: { code: 'ECONNREFUSED', ...connect },
    answers: S('ECONNREFUSED'),
  },
  {
    errno: 'ECONNREFUSED',
    how: 'unix: a regular file',
    to: at('file'),
    expected: { code: 'ECONNREFUSED', ...connect },
    answers: S('ECONNREFUSED'),
  },
  {
    errno: 'ECONNREFUSED',
    how: 'unix: an absent abstract name',
    to: 'unix:@pollout-nobody',
    expected: { code: 'ECONNREFUSED', ...connect },
    answers: S('ECONNREFUSED'),
    needs: { capability: 'abstractUnix' },
  },
  {
    errno: 'ETIMEDOUT',
    how: 'a full backlog',
    to: local127(PORTS.full),
    expected: BY_KERNEL,
    takesMs: [2_500, 6_500],
  },
  {
    errno: 'ETIMEDOUT',
    how: 'a firewall that drops',
    to: local127(PORTS.dropped),
    expected: BY_KERNEL,
    answers: A(REFUSED, 'ETIMEDOUT'),
    needs: { machine: 'nft' },
    takesMs: [2_500, 6_500],
  },
  {
    errno: 'ETIMEDOUT',
    how: 'a neighbour that no one is',
    to: `tcp://${HOSTS.silent}:80`,
    expected: BY_KERNEL,
    takesMs: [2_500, 6_500],
  },
  {
    errno: 'ETIMEDOUT',
    how: 'TCP_SYNCNT 2',
    to: `tcp://${HOSTS.silent}:80`,
    options: { synRetries: 2 },
    expected: BY_KERNEL,
    needs: { options: ['synRetries'] },
    takesMs: [6_000, 9_500],
  },
  {
    errno: 'ETIMEDOUT',
    how: 'TCP_USER_TIMEOUT 2000',
    to: `tcp://${HOSTS.silent}:80`,
    options: { userTimeoutMs: 2_000 },
    expected: BY_KERNEL,
    needs: { options: ['userTimeoutMs'] },
    takesMs: [1_800, 2_900],
  },
  {
    errno: 'ETIMEDOUT',
    how: 'timeoutMs',
    to: `tcp://${HOSTS.silent}:80`,
    options: { timeoutMs: 100 },
    expected: { code: 'ETIMEDOUT', ...connect, timedOutBy: 'deadline' },
    takesMs: [90, 5_000],
  },
  {
    errno: 'EHOSTUNREACH',
    how: 'an unreachable route',
    to: `tcp://${HOSTS.unreachable}:80`,
    expected: { code: 'EHOSTUNREACH', ...connect },
    answers: S('EHOSTUNREACH'),
  },
  {
    errno: 'EHOSTUNREACH',
    how: 'no answer to ARP',
    to: `tcp://${HOSTS.absent}:80`,
    expected: { code: 'EHOSTUNREACH', ...connect },
    answers: A(REFUSED, 'EHOSTUNREACH'),
  },
  {
    errno: 'EHOSTUNREACH',
    how: 'ICMP host-unreachable',
    to: local127(PORTS.hostUnreachable),
    expected: { code: 'EHOSTUNREACH', ...connect },
    answers: A('ERROR', 'EHOSTUNREACH'),
    needs: { machine: 'nft' },
  },
  {
    errno: 'EHOSTUNREACH',
    how: 'ICMP admin-prohibited',
    to: local127(PORTS.forbidden),
    expected: { code: 'EHOSTUNREACH', ...connect },
    answers: A('ERROR', 'EHOSTUNREACH'),
    needs: { machine: 'nft' },
  },
  {
    errno: 'ENETUNREACH',
    how: 'no route',
    to: `tcp://${HOSTS.noRoute}:80`,
    expected: { code: 'ENETUNREACH', ...connect },
    answers: S('ENETUNREACH'),
  },
  {
    errno: 'ENETUNREACH',
    how: 'a throw route',
    to: `tcp://${HOSTS.thrown}:80`,
    expected: { code: 'ENETUNREACH', ...connect },
    answers: S('ENETUNREACH'),
  },
  {
    errno: 'ENETUNREACH',
    how: 'a link that is down',
    to: `tcp://${HOSTS.overDownLink}:80`,
    expected: { code: 'ENETUNREACH', ...connect },
    answers: S('ENETUNREACH'),
  },
  {
    errno: 'ENETUNREACH',
    how: 'ICMP net-unreachable',
    to: local127(PORTS.netUnreachable),
    expected: { code: 'ENETUNREACH', ...connect },
    answers: A('ERROR', 'ENETUNREACH'),
    needs: { machine: 'nft' },
  },
  {
    errno: 'ENETUNREACH',
    how: 'an IPv4-mapped address with IPV6_V6ONLY',
    to: `tcp://[::ffff:127.0.0.1]:${PORTS.open}`,
    options: { ipv6Only: true },
    expected: { code: 'ENETUNREACH', ...connect },
    answers: S('ENETUNREACH'),
    needs: { options: ['ipv6Only'] },
    notOnNet: 'node:net has ipv6Only for datagram sockets only',
  },
  {
    errno: 'EACCES',
    how: 'a prohibit route',
    to: `tcp://${HOSTS.prohibited}:80`,
    expected: { code: 'EACCES', ...local },
    answers: S('EACCES'),
  },
  {
    errno: 'EACCES',
    how: 'udp broadcast without SO_BROADCAST',
    to: `udp://${HOSTS.broadcast}:9`,
    expected: { code: 'EACCES', ...local },
    answers: S('EACCES'),
    needs: { socket: ['inet', 'dgram'] },
  },
  {
    errno: 'EACCES',
    how: "the mode of a unix socket's file",
    to: at('closed-mode'),
    at: 'unprivileged',
    expected: { code: 'EACCES', ...local },
    answers: S('EACCES'),
  },
  {
    errno: 'EACCES',
    how: 'Landlock: no TCP',
    to: local127(PORTS.closed),
    at: 'landlocked',
    expected: { code: 'EACCES', ...local },
    answers: S('EACCES'),
    needs: { machine: 'landlock' },
  },
  {
    errno: 'EPERM',
    how: 'Landlock: no abstract names from outside',
    to: `unix:@${ABSTRACT.slice(1)}`,
    at: 'landlocked',
    expected: { code: 'EPERM', ...local },
    answers: S('EPERM'),
    needs: { machine: 'landlock', capability: 'abstractUnix' },
  },
  {
    errno: 'EINVAL',
    how: 'a blackhole route',
    to: `tcp://${HOSTS.blackhole}:80`,
    expected: { code: 'EINVAL', ...local },
    answers: S('EINVAL'),
  },
  {
    errno: 'EINVAL',
    how: 'fe80:: without a zone',
    to: 'tcp://[fe80::1]:80',
    expected: { code: 'EINVAL', ...local },
    answers: S('EINVAL'),
  },
  {
    errno: 'EADDRNOTAVAIL',
    how: "a local address that is nobody's here",
    to: local127(PORTS.open),
    options: { localAddress: '10.99.0.1' },
    expected: { code: 'EADDRNOTAVAIL', ...local },
    syscall: 'bind',
    needs: { capability: 'bind' },
  },
  {
    errno: 'EADDRINUSE',
    how: 'a local port that is held',
    to: local127(PORTS.open),
    options: { localAddress: '127.0.0.1', localPort: PORTS.held },
    expected: { code: 'EADDRINUSE', ...local },
    syscall: 'bind',
    needs: { capability: 'bind' },
  },
  {
    errno: 'EAGAIN',
    how: 'a full unix backlog, waited for until the deadline',
    to: at('full'),
    options: { timeoutMs: 300 },
    expected: { code: 'ETIMEDOUT', ...connect, timedOutBy: 'deadline' },
    answers: S('EAGAIN'),
    takesMs: [280, 5_000],
  },
  {
    errno: 'EPROTOTYPE',
    how: 'a unix datagram socket to a stream listener',
    to: (lab) => `unixgram:${lab.path('open')}`,
    expected: { code: 'EPROTOTYPE', ...connect },
    answers: S('EPROTOTYPE'),
    needs: { socket: ['unix', 'dgram'] },
  },
  {
    errno: 'EPROTOTYPE',
    how: 'a unix seqpacket socket to a stream listener',
    to: (lab) => `unixpacket:${lab.path('open')}`,
    expected: { code: 'EPROTOTYPE', ...connect },
    answers: S('EPROTOTYPE'),
    needs: { socket: ['unix', 'seqpacket'] },
  },
  {
    errno: 'ENOENT',
    how: 'an absent path',
    to: at('absent'),
    expected: { code: 'ENOENT', ...connect },
    answers: S('ENOENT'),
  },
  {
    errno: 'ENOTDIR',
    how: 'a path through a file',
    to: at('file/below'),
    expected: { code: 'ENOTDIR', ...connect },
    answers: S('ENOTDIR'),
  },
  {
    errno: 'ELOOP',
    how: 'a symbolic link to itself',
    to: at('loop'),
    expected: { code: 'ELOOP', ...connect },
    answers: S('ELOOP'),
  },
  {
    errno: 'ENAMETOOLONG',
    how: 'a symbolic link to a name of 300 bytes',
    to: at('long'),
    expected: { code: 'ENAMETOOLONG', ...local },
    answers: S('ENAMETOOLONG'),
  },
  {
    errno: 'ENODEV',
    how: 'SO_BINDTODEVICE to no device',
    to: local127(PORTS.open),
    options: { device: 'none0' },
    expected: { code: 'ENODEV', ...local },
    syscall: 'setsockopt',
    needs: { options: ['device'] },
  },
]

/** Those that take other calls than one `connect()`. */
const OTHER_ROWS: readonly Row[] = [
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

export const ROWS: readonly Row[] = [...CONNECT_ROWS.map(byConnect), ...OTHER_ROWS, ...REJECTIONS]
