/** Conformance of `connectBatches()`: columns in, columns out, each target once. */

import assert from 'node:assert/strict'
import {
  type ConnectBatchesOptions,
  destinationPolicy,
  isInet,
  OUTCOME_KINDS,
  type OutcomeBatch,
  type TargetColumns,
} from '@pollout/core'
import { parseIp } from '@pollout/core/internal'
import { turns } from './raw-backend.js'
import { all } from './sources.js'
import { addressOf, type Define } from './trial.js'
import type { PeerKind, Transport, World } from './world.js'

/** One row: 16 bytes and a port. */
function row(world: World, kind: PeerKind, transport: Transport = 'tcp4') {
  const address = addressOf(world.endpoint(kind, transport))
  assert.ok(isInet(address))
  const bytes = parseIp(address.address) ?? []
  const mapped = bytes.length === 4 ? [...Array(10).fill(0), 0xff, 0xff, ...bytes] : bytes
  return { bytes: mapped, port: address.port }
}

function columnsOf(rows: readonly ReturnType<typeof row>[]): TargetColumns {
  return {
    addresses: Uint8Array.from(rows.flatMap(({ bytes }) => bytes)),
    ports: Uint16Array.from(rows, ({ port }) => port),
  }
}

/** What became of each target, in the order of the source. */
function kindsOf(batches: readonly OutcomeBatch[]): (string | undefined)[] {
  const kinds: (string | undefined)[] = []
  for (const { count, index, kind } of batches) {
    assert.deepEqual([index.length, kind.length], [count, count])
    for (let i = 0; i < count; i++) {
      const at = index[i] as number
      assert.equal(kinds[at], undefined, `target ${at} has one outcome`)
      kinds[at] = OUTCOME_KINDS[kind[i] as number]
    }
  }
  return kinds
}

export function defineBatchTests(test: Define): void {
  test('each row has its outcome, whatever the batches were', async (t) => {
    const reactor = t.reactor()
    const echo = row(t.world, 'echo')
    const refused = row(t.world, 'refused')
    const silent = row(t.world, 'silent')
    const batches = await all(
      reactor.connectBatches(
        [columnsOf([echo, refused]), columnsOf([]), columnsOf([silent, echo])],
        {
          timeoutMs: 40,
          onConnected: 'reset',
        },
      ),
    )
    assert.deepEqual(kindsOf(batches), ['connected', 'refused', 'timed-out', 'connected'])
    for (const batch of batches) {
      for (let i = 0; i < batch.count; i++) assertMoments(batch, i)
    }
    const { connected, failed, inFlight, open } = reactor.stats()
    assert.deepEqual([connected, failed, inFlight, open], [2, 2, 0, 0])
  })

  test('IPv4 addresses as numbers, one port for all, and fewer rows than there is room for', async (t) => {
    const { bytes, port } = row(t.world, 'refused')
    const address = new DataView(Uint8Array.from(bytes).buffer).getUint32(12)
    const columns = { addresses: new Uint32Array(10).fill(address), ports: port, count: 7 }
    const batches = await all(t.reactor().connectBatches([columns]))
    assert.deepEqual(kindsOf(batches), Array(7).fill('refused'))
  })

  test(
    'IPv6 addresses',
    async (t) => {
      const columns = columnsOf([row(t.world, 'echo', 'tcp6'), row(t.world, 'refused', 'tcp6')])
      const batches = await all(t.reactor().connectBatches([columns], { onConnected: 'reset' }))
      assert.deepEqual(kindsOf(batches), ['connected', 'refused'])
    },
    { transport: 'tcp6' },
  )

  test('a policy denies rows, and nothing is sent to them', async (t) => {
    const denied = row(t.world, 'recorder')
    const policy = destinationPolicy({ denyPorts: [denied.port] })
    const columns = columnsOf([denied, row(t.world, 'refused')])
    const batches = await all(t.reactor().connectBatches([columns], { policy }))
    assert.deepEqual(kindsOf(batches), ['denied', 'refused'])
  })

  test('2,000 rows, from an async source', async (t) => {
    const refused = row(t.world, 'refused')
    async function* source() {
      for (let i = 0; i < 20; i++) {
        await turns(1)
        yield columnsOf(Array(100).fill(refused))
      }
    }
    const batches = await all(t.reactor().connectBatches(source(), { concurrency: 50 }))
    assert.deepEqual(kindsOf(batches), Array(2_000).fill('refused'))
  })

  test('unsubscribing stops all at once', async (t) => {
    const reactor = t.reactor()
    const columns = columnsOf(Array(100).fill(row(t.world, 'silent')))
    const running = reactor.connectBatches([columns], { concurrency: 20 }).subscribe()
    while (reactor.stats().started < 20) await turns(1)
    running.unsubscribe()
    assert.deepEqual([reactor.stats().inFlight, reactor.stats().cancelled], [0, 20])
  })

  test('what are no columns fails as a source does: after the outcomes of what came before', async (t) => {
    const good = columnsOf([row(t.world, 'refused')])
    const mistakes = [
      { addresses: [1, 2], ports: 80 },
      { addresses: Uint32Array.of(1), ports: 65_536 },
      { addresses: Uint32Array.of(1, 2), ports: Uint16Array.of(80) },
      { addresses: new Uint8Array(17), ports: 80 },
      { addresses: Uint32Array.of(1), ports: 80, count: 2 },
    ] as unknown as TargetColumns[]
    for (const mistake of mistakes) {
      let told = 0
      const error = await new Promise<unknown>((resolve) => {
        t.reactor()
          .connectBatches([good, mistake])
          .subscribe({ next: ({ count }) => (told += count), error: resolve })
      })
      assert.ok(error instanceof TypeError || error instanceof RangeError, String(error))
      assert.equal(told, 1)
    }
    const keep = { onConnected: 'keep' } as unknown as ConnectBatchesOptions
    assert.throws(() => t.reactor().connectBatches([good], keep), /onConnected must be one of/)
  })
}

function assertMoments(batch: OutcomeBatch, i: number): void {
  const kind = OUTCOME_KINDS[batch.kind[i] as number]
  const [startedAt = 0, sentAt = 0, readyAt = 0] = [
    batch.startedAt[i],
    batch.sentAt[i],
    batch.readyAt[i],
  ]
  assert.ok(startedAt > 0 && sentAt >= startedAt, `${kind}: sent after it was started`)
  assert.equal(Number.isNaN(readyAt), kind === 'timed-out')
  assert.ok(Number.isNaN(readyAt) || readyAt >= sentAt)
  assert.ok((batch.elapsedMs[i] ?? -1) >= 0)
  assert.equal(batch.errno[i] === 0, kind === 'connected')
}
