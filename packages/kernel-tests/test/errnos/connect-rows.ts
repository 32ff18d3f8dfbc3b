/** The errnos that one `connect()` provokes. */
import type { PlainOptions } from '../../src/inside/told.js'
import { ABSTRACT, HOSTS, type Lab, type Place, PORTS } from './lab.js'
import { connect, local, local127, type Row } from './row.js'

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

const at = (name: string) => (lab: Lab) => `unix:${lab.path(name)}`
const BY_KERNEL = { ...connect, code: 'ETIMEDOUT', timedOutBy: 'kernel' } as const

const TARGETS: readonly Connecting[] = [
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

export const CONNECT_ROWS: readonly Row[] = TARGETS.map(byConnect)
