/** The low level on a scripted backend: whose socket it is, and what is asked of the backend. */
import { errno, Interest } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { record, stage } from './harness.js'

it("readiness() of another reactor's socket throws at once, and touches nobody's registration", () => {
  const mine = stage()
  const other = stage()
  const socket = other.reactor.socket('inet')
  expect(() => mine.reactor.readiness(socket, Interest.WRITABLE)).toThrow(TypeError)
  expect(() => mine.reactor.readiness(socket, Interest.WRITABLE)).toThrow('another reactor')
  const waiting = record(other.reactor.readiness(socket, Interest.WRITABLE))
  other.script.deliverAll(other.script.sockets)
  expect(waiting.outcome).toBe('complete')
  expect(mine.script.sockets).toEqual([])
  socket.close()
})

const TO = { family: 'inet', address: '192.0.2.1', port: 80 } as const

describe('what is asked of the backend', () => {
  it('bind(), disconnect() and setOption() answer as the system call does', () => {
    const { reactor, script } = stage()
    using socket = reactor.socket('inet', 'dgram')
    const [scripted] = script.sockets
    expect([socket.bind({ ...TO, port: 0 }), scripted?.bound]).toEqual(['OK', { ...TO, port: 0 }])
    script.once('bind', -errno.EADDRINUSE)
    script.once('disconnect', -errno.ENOTCONN)
    script.once('setOption', -errno.EPERM)
    expect([socket.bind(TO), socket.disconnect(), socket.setOption('mark', 1)]).toEqual([
      ...['EADDRINUSE', 'ENOTCONN', 'EPERM'],
    ])
    expect(scripted?.bound).toEqual({ ...TO, port: 0 })
    expect([socket.disconnect(), socket.setOption('mark', 2)]).toEqual(['OK', 'OK'])
    expect(scripted?.options).toEqual(new Map([['mark', 2]]))
  })

  it('connectSync() waits as long as it is told, 30 s by default', () => {
    const { reactor, script } = stage()
    using socket = reactor.socket('inet')
    const waits: number[] = []
    script.answers.connectAndWait = (_socket, _to, timeoutMs) => {
      waits.push(timeoutMs)
      return -errno.EINPROGRESS
    }
    expect(socket.connectSync(TO)).toBe('EINPROGRESS')
    socket.connectSync(TO, { timeoutMs: 5 })
    socket.connectSync(TO, { timeoutMs: Number.POSITIVE_INFINITY })
    expect(waits).toEqual([30_000, 5, Number.POSITIVE_INFINITY])
    expect(script.sockets[0]?.connects).toEqual([TO, TO, TO])
    expect(() => socket.connectSync(TO, { timeoutMs: Number.NaN })).toThrow(RangeError)
  })

  it('a number given for a raw option is an int, of either sign', () => {
    const { reactor } = stage()
    using socket = reactor.socket('inet')
    for (const value of [-1, 2 ** 32 - 1]) {
      expect(socket.setRawOption(1, 99, value)).toBe('OK')
      expect(socket.getRawOption(1, 99, 8)).toEqual(new Uint8Array(4).fill(0xff))
    }
    expect(() => socket.setRawOption(1, 99, -(2 ** 31) - 1)).toThrow(RangeError)
    expect(() => socket.getRawOption(1, 99, 65_537)).toThrow(RangeError)
  })

  it('detach() and adoptSocket() keep the books', () => {
    const { reactor, script } = stage()
    const socket = reactor.socket('inet')
    const waiting = record(reactor.readiness(socket, Interest.READABLE))
    script.descriptors.set(7, { spec: { family: 'unix', type: 'seqpacket' } })
    expect(socket.detach()).toBeGreaterThan(2)
    expect([socket.closed, waiting.outcome]).toEqual([true, 'EBADF'])
    const adopted = reactor.adoptSocket(7)
    expect([adopted.family, adopted.type, reactor.stats().open]).toEqual(['unix', 'seqpacket', 1])
    adopted.close()
    expect(script.sockets.map(({ closed }) => closed)).toEqual(['detached', 'graceful'])
    script.once('adopt', -errno.EINVAL)
    script.descriptors.set(8, { spec: { family: 'inet', type: 'stream' } })
    expect(() => reactor.adoptSocket(8)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'adopt', phase: 'local' }),
    )
    expect(script.descriptors.has(8)).toBe(true)
    for (const none of [1.5, -1, 2 ** 31]) {
      expect(() => reactor.adoptSocket(none)).toThrow(RangeError)
    }
  })
})
