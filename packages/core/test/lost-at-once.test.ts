/** A connection that was lost before anybody looked at it was one: the port is open. */
import { type Connection, ConnectStatus, errno, Readiness } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { LANES, record, stage } from './harness.js'

const URI = 'tcp://192.0.2.1:80'
const LOST = ConnectStatus.LOST + errno.ECONNRESET
const answers = { finishConnect: LOST, receive: -errno.ECONNRESET }

describe.each(LANES)('%s', (_lane, bulk) => {
  it.each(['keep', 'close', 'reset'] as const)(
    'connectMany() says connected, %s',
    (onConnected) => {
      const { script, clock, reactor } = stage({ bulk, answers })
      const many = record(reactor.connectMany([URI, URI], { onConnected }))
      clock.settle()
      script.deliverAll(script.open)
      clock.settle()
      const expected = { kind: 'connected', followedBy: 'ECONNRESET' }
      expect(many.values).toMatchObject([expected, expected])
      expect(reactor.stats()).toMatchObject({ connected: 2, failed: 0 })
      for (const outcome of many.values) {
        if (outcome.kind === 'connected') (outcome.connection as Connection | undefined)?.reset()
      }
    },
  )

  it('one that is there has nothing beside it', () => {
    const { script, clock, reactor } = stage({ bulk })
    const many = record(reactor.connectMany([URI]))
    clock.settle()
    script.deliverAll(script.open)
    clock.settle()
    expect(many.values).toMatchObject([{ kind: 'connected', followedBy: undefined }])
  })

  it('connectBatches() has the errno beside the kind', () => {
    const { script, clock, reactor } = stage({ bulk, answers })
    const targets = { addresses: Uint32Array.of(0xc000_0201), ports: 80 }
    const many = record(reactor.connectBatches([targets]))
    clock.settle()
    script.deliverAll(script.open)
    clock.advance(100)
    const batch = many.values[0]
    expect([batch?.kind[0], batch?.errno[0]]).toEqual([0, -errno.ECONNRESET])
  })
})

it('kept, and left in a batch that nobody is told of: closed', () => {
  const { script, clock, reactor } = stage({ bulk: true, answers })
  const many = record(reactor.connectMany([URI, URI], { onConnected: 'keep' }))
  clock.settle()
  script.deliverAll(script.open)
  many.subscription.unsubscribe()
  clock.settle()
  for (const outcome of many.values) if (outcome.kind === 'connected') outcome.connection.reset()
  expect(script.open).toEqual([])
})

it('connect() emits it, and its reader is told', () => {
  const { script, clock, reactor } = stage({ answers })
  const connecting = record(reactor.connect(URI))
  script.deliverAll(script.open)
  expect(connecting.outcome).toBe('complete')
  const connection = connecting.values[0] as Connection
  const reading = record(connection.received)
  for (const socket of script.open) script.ready(socket, Readiness.READABLE)
  script.deliver()
  clock.settle()
  expect(reading.ended).toMatchObject({ code: 'ECONNRESET', phase: 'receive', localFault: false })
  connection.reset()
})

it('a socket by hand: OK', () => {
  const { reactor } = stage({ answers })
  using socket = reactor.socket('inet', 'stream')
  socket.connect({ family: 'inet', address: '192.0.2.1', port: 80 })
  expect(socket.finishConnect()).toBe('OK')
  expect(socket.receive(new Uint8Array(1))).toBe('ECONNRESET')
})
