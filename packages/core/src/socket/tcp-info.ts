/** What the kernel knows of a TCP connection: Linux's `struct tcp_info`, read from its bytes. */
import { IS_LITTLE_ENDIAN } from '../backend/byte-order.js'

/**
 * States of RFC 9293, as Linux names them (net/tcp_states.h, less the `TCP_`).
 *
 * @example
 * ```ts
 * import type { TcpState } from 'pollout'
 *
 * const peerHasEnded: readonly TcpState[] = ['CLOSE_WAIT', 'LAST_ACK', 'CLOSING']
 * ```
 */
export type TcpState =
  | 'ESTABLISHED'
  | 'SYN_SENT'
  | 'SYN_RECV'
  | 'FIN_WAIT1'
  | 'FIN_WAIT2'
  | 'TIME_WAIT'
  | 'CLOSE'
  | 'CLOSE_WAIT'
  | 'LAST_ACK'
  | 'LISTEN'
  | 'CLOSING'
  | 'NEW_SYN_RECV'

/** From 1, as the kernel counts them. */
const STATES: readonly TcpState[] = [
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
  'NEW_SYN_RECV',
]

/**
 * A snapshot of one TCP connection, from TCP_INFO of tcp(7); the names of the kernel's own fields (linux/tcp.h) stand
 * with each. The struct grows from kernel to kernel: what may be undefined is not known to an older one. Times are in
 * milliseconds, with a fraction where the kernel has microseconds.
 *
 * @example
 * ```ts
 * import type { Connection, TcpInfo } from 'pollout'
 *
 * function quality(connection: Connection): string {
 *   const { rttMs, rttVarMs, totalRetransmits }: TcpInfo = connection.tcpInfo()
 *   return `${rttMs} ms, give or take ${rttVarMs} ms; ${totalRetransmits} segments sent again`
 * }
 * ```
 */
export interface TcpInfo {
  /** State of the connection (`tcpi_state`). */
  readonly state: TcpState
  /** Smoothed round-trip time; 0 before there is a sample (`tcpi_rtt`). */
  readonly rttMs: number
  /** Mean deviation of the round-trip time (`tcpi_rttvar`). */
  readonly rttVarMs: number
  /** Least round-trip time of the recent past; undefined too before there is a sample (`tcpi_min_rtt`). */
  readonly minRttMs: number | undefined
  /** Retransmission timeout (`tcpi_rto`). */
  readonly retransmitTimeoutMs: number
  /** Timeouts in a row of the segment that is out now, SYNs too; 0 once it is acknowledged (`tcpi_retransmits`). */
  readonly retransmits: number
  /** Segments retransmitted since the connect, SYNs too (`tcpi_total_retrans`). */
  readonly totalRetransmits: number
  /** Keep-alive or window probes that are unanswered (`tcpi_probes`). */
  readonly unansweredProbes: number
  /** Segments sent and not acknowledged (`tcpi_unacked`). */
  readonly unacked: number
  /** Segments acknowledged selectively (`tcpi_sacked`). */
  readonly sacked: number
  /** Segments taken for lost (`tcpi_lost`). */
  readonly lost: number
  /** Largest segment that is sent, in bytes (`tcpi_snd_mss`). */
  readonly sendMss: number
  /** Largest segment that the peer seems to send, in bytes (`tcpi_rcv_mss`). */
  readonly receiveMss: number
  /** Maximum transmission unit of the path, in bytes (`tcpi_pmtu`). */
  readonly pathMtu: number
  /** Congestion window, in segments (`tcpi_snd_cwnd`). */
  readonly congestionWindow: number
  /** Slow-start threshold, in segments; Infinity while no loss has set one (`tcpi_snd_ssthresh`). */
  readonly slowStartThreshold: number
  /** Estimate of what one round trip brings in, in bytes (`tcpi_rcv_space`). */
  readonly receiveSpace: number
  /** Window that the peer offers, in bytes; Linux 5.4 (`tcpi_snd_wnd`). */
  readonly sendWindow: number | undefined
  /** Since data was last sent (`tcpi_last_data_sent`). */
  readonly sinceDataSentMs: number
  /** Since data was last received (`tcpi_last_data_recv`). */
  readonly sinceDataReceivedMs: number
  /** Rate at which segments are let out, in bytes a second; Infinity where nothing limits it (`tcpi_pacing_rate`). */
  readonly pacingRate: number | undefined
  /** Most recent goodput, in bytes a second; 0 before there is a sample; Linux 4.9 (`tcpi_delivery_rate`). */
  readonly deliveryRate: number | undefined
  /** Bytes that the peer has acknowledged, the SYN counted as one (`tcpi_bytes_acked`). */
  readonly bytesAcked: number | undefined
  /** Bytes received, in order (`tcpi_bytes_received`). */
  readonly bytesReceived: number | undefined
  /** Bytes sent, retransmissions too; Linux 4.19 (`tcpi_bytes_sent`). */
  readonly bytesSent: number | undefined
  /** Of these, bytes sent again; Linux 4.19 (`tcpi_bytes_retrans`). */
  readonly bytesRetransmitted: number | undefined
  /** Bytes in the send buffer that have not been sent at all (`tcpi_notsent_bytes`). */
  readonly bytesUnsent: number | undefined
  /** Segments sent, those without data too (`tcpi_segs_out`). */
  readonly segmentsOut: number | undefined
  /** Segments received, those without data too (`tcpi_segs_in`). */
  readonly segmentsIn: number | undefined
  /** Time with data on its way; Linux 4.10 (`tcpi_busy_time`). */
  readonly busyMs: number | undefined
  /** Of that, time in which the peer's window held the sending up; Linux 4.10 (`tcpi_rwnd_limited`). */
  readonly limitedByPeerWindowMs: number | undefined
  /** Of that, time in which this side's send buffer did; Linux 4.10 (`tcpi_sndbuf_limited`). */
  readonly limitedBySendBufferMs: number | undefined
}

/** getsockopt(2) arguments of it, and more bytes than the struct has today. */
export const TCP_INFO = { level: 6, option: 11, bytes: 512 } as const

/** Up to `tcpi_total_retrans`: what Linux 2.6.10 had. */
const LEAST_BYTES = 104
const NO_THRESHOLD = 0x7fffffff
const NO_SAMPLE = 0xffffffff
/** `~0UL`, as near as a number comes to it. */
const UNLIMITED = 2 ** 64

/**
 * Reads what TCP_INFO wrote. Throws a RangeError for fewer bytes than any kernel writes.
 *
 * @example
 * ```ts
 * import { createReactor, parseTcpInfo } from 'pollout'
 *
 * await using reactor = createReactor({ backend: 'native' })
 * using socket = reactor.socket('inet')
 * parseTcpInfo(socket.getRawOption(6, 11, 512)).state // TCP_INFO of IPPROTO_TCP: 'CLOSE'
 * ```
 */
export function parseTcpInfo(bytes: Uint8Array): TcpInfo {
  if (bytes.length < LEAST_BYTES) {
    throw new RangeError(`struct tcp_info has ${LEAST_BYTES} bytes at least, not ${bytes.length}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const u32 = (offset: number): number => view.getUint32(offset, IS_LITTLE_ENDIAN)
  const newer32 = (offset: number): number | undefined =>
    offset + 4 <= bytes.length ? u32(offset) : undefined
  const newer64 = (offset: number): number | undefined =>
    offset + 8 <= bytes.length ? Number(view.getBigUint64(offset, IS_LITTLE_ENDIAN)) : undefined
  const minRtt = newer32(148)
  const pacingRate = newer64(104)
  return {
    state: STATES[view.getUint8(0) - 1] ?? 'CLOSE',
    retransmits: view.getUint8(2),
    unansweredProbes: view.getUint8(3),
    retransmitTimeoutMs: u32(8) / 1000,
    sendMss: u32(16),
    receiveMss: u32(20),
    unacked: u32(24),
    sacked: u32(28),
    lost: u32(32),
    sinceDataSentMs: u32(44),
    sinceDataReceivedMs: u32(52),
    pathMtu: u32(60),
    rttMs: u32(68) / 1000,
    rttVarMs: u32(72) / 1000,
    slowStartThreshold: u32(76) === NO_THRESHOLD ? Number.POSITIVE_INFINITY : u32(76),
    congestionWindow: u32(80),
    receiveSpace: u32(96),
    totalRetransmits: u32(100),
    pacingRate: pacingRate === UNLIMITED ? Number.POSITIVE_INFINITY : pacingRate,
    bytesAcked: newer64(120),
    bytesReceived: newer64(128),
    segmentsOut: newer32(136),
    segmentsIn: newer32(140),
    bytesUnsent: newer32(144),
    minRttMs: minRtt === NO_SAMPLE ? undefined : inMs(minRtt),
    deliveryRate: newer64(160),
    busyMs: inMs(newer64(168)),
    limitedByPeerWindowMs: inMs(newer64(176)),
    limitedBySendBufferMs: inMs(newer64(184)),
    bytesSent: newer64(200),
    bytesRetransmitted: newer64(208),
    sendWindow: newer32(228),
  }
}

/** Microseconds. */
function inMs(us: number | undefined): number | undefined {
  return us === undefined ? undefined : us / 1000
}
