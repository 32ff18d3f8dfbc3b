/** struct tcp_info from bytes: units, what an older kernel leaves out, and numbers that stand for none. */
import { endianness } from 'node:os'
import { parseTcpInfo } from '@pollout/core'
import { expect, it } from 'vitest'

/** As Linux 6.7 writes it. */
const BYTES = 248

/** Fields by offset and width in bytes. */
function struct(fields: readonly (readonly [number, 1 | 4 | 8, number | bigint])[], size = BYTES) {
  const view = new DataView(new ArrayBuffer(size))
  const little = endianness() === 'LE'
  for (const [offset, width, value] of fields) {
    if (width === 1) view.setUint8(offset, Number(value))
    else if (width === 4) view.setUint32(offset, Number(value), little)
    else view.setBigUint64(offset, BigInt(value), little)
  }
  return new Uint8Array(view.buffer)
}

it('reads every field from its place, in the unit of its name', () => {
  const bytes = struct([
    ...([
      [0, 1, 8],
      [2, 1, 3],
      [3, 1, 1],
      [8, 4, 201_500],
      [16, 4, 1_448],
      [20, 4, 536],
    ] as const),
    ...([
      [24, 4, 10],
      [28, 4, 2],
      [32, 4, 1],
      [44, 4, 17],
      [52, 4, 19],
      [60, 4, 1_500],
    ] as const),
    ...([
      [68, 4, 12_345],
      [72, 4, 678],
      [76, 4, 20],
      [80, 4, 33],
      [96, 4, 14_600],
    ] as const),
    ...([
      [100, 4, 5],
      [104, 8, 1_000_000],
      [120, 8, 2n ** 40n],
      [128, 8, 4_000],
    ] as const),
    ...([
      [136, 4, 50],
      [140, 4, 60],
      [144, 4, 70],
      [148, 4, 11_000],
      [160, 8, 9_000],
    ] as const),
    ...([
      [168, 8, 1_500],
      [176, 8, 2_500],
      [184, 8, 500],
      [200, 8, 8_000],
      [208, 8, 80],
    ] as const),
    [228, 4, 64_000],
  ])
  expect(parseTcpInfo(bytes)).toEqual({
    ...{ state: 'CLOSE_WAIT', retransmits: 3, unansweredProbes: 1, retransmitTimeoutMs: 201.5 },
    ...{ sendMss: 1_448, receiveMss: 536, unacked: 10, sacked: 2, lost: 1 },
    ...{ sinceDataSentMs: 17, sinceDataReceivedMs: 19, pathMtu: 1_500 },
    ...{ rttMs: 12.345, rttVarMs: 0.678, slowStartThreshold: 20, congestionWindow: 33 },
    ...{ receiveSpace: 14_600, totalRetransmits: 5, pacingRate: 1_000_000 },
    ...{ bytesAcked: 2 ** 40, bytesReceived: 4_000, segmentsOut: 50, segmentsIn: 60 },
    ...{ bytesUnsent: 70, minRttMs: 11, deliveryRate: 9_000 },
    ...{ busyMs: 1.5, limitedByPeerWindowMs: 2.5, limitedBySendBufferMs: 0.5 },
    ...{ bytesSent: 8_000, bytesRetransmitted: 80, sendWindow: 64_000 },
  })
})

it.each([
  [104, { totalRetransmits: 0, pacingRate: undefined, minRttMs: undefined, sendWindow: undefined }],
  [160, { pacingRate: 0, minRttMs: 0, deliveryRate: undefined, busyMs: undefined }],
  [192, { busyMs: 0, limitedBySendBufferMs: 0, bytesSent: undefined, sendWindow: undefined }],
  [231, { bytesSent: 0, bytesRetransmitted: 0, sendWindow: undefined }],
  [232, { sendWindow: 0 }],
])('of %i bytes, what they do not hold is undefined', (size, expected) => {
  expect(parseTcpInfo(struct([[0, 1, 1]], size))).toMatchObject({
    state: 'ESTABLISHED',
    ...expected,
  })
})

it('fewer than any kernel writes, as for another protocol, are refused', () => {
  expect(() => parseTcpInfo(new Uint8Array(103))).toThrow(RangeError)
})

it('what stands for no limit, or no sample yet, is told as that', () => {
  const bytes = struct([
    [76, 4, 0x7fffffff],
    [104, 8, 2n ** 64n - 1n],
    [148, 4, 0xffffffff],
  ])
  const { slowStartThreshold, pacingRate, minRttMs, state } = parseTcpInfo(bytes)
  expect([slowStartThreshold, pacingRate, minRttMs]).toEqual([Infinity, Infinity, undefined])
  expect(state).toBe('CLOSE')
})

it('bytes in the middle of a buffer are as good', () => {
  const bytes = struct([[0, 1, 2]])
  const shifted = new Uint8Array(BYTES + 3)
  shifted.set(bytes, 3)
  expect(parseTcpInfo(shifted.subarray(3)).state).toBe('SYN_SENT')
})
