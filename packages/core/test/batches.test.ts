/** Columns of the user's that are taken away while they are read. */
import { type ConnectError, errno } from '@pollout/core'
import { expect, it } from 'vitest'
import { record, stage } from './harness.js'

it.each(['addresses', 'ports'] as const)(
  '%s that are transferred before all were read: a RangeError, and nobody else is connected to',
  (which) => {
    const { script, clock, reactor } = stage({ answers: { connect: -errno.EINPROGRESS } })
    const columns = {
      addresses: Uint32Array.of(0xc000_0201, 0xc000_0202),
      ports: Uint16Array.of(80, 81),
    }
    const many = record(reactor.connectBatches([columns], { concurrency: 1 }))
    clock.settle()
    structuredClone(columns[which], { transfer: [columns[which].buffer] })
    script.deliverAll(script.open)
    clock.advance(1_000)
    expect(script.sockets.map(({ connects }) => connects)).toMatchObject([
      [{ address: '192.0.2.1', port: 80 }],
    ])
    expect(many.ended).toBeInstanceOf(RangeError)
    expect((many.ended as ConnectError).message).toContain('transferred')
  },
)
