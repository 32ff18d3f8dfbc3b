/** The bulk lane on the real kernel: pacing, limits, the sink, cancellation. */
import { type Handle, MAKE_UP_MS } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { expect, it } from 'vitest'
import { describeLanes, encode, type Outcome, until } from './bulk-support.js'
import { descriptors, E, turn, turns } from './support.js'

const LOOPBACK = '127.0.0.1'

const range = (count: number) => Array.from({ length: count }, (_, index) => index)

/** As a subscriber that takes its time. */
function busyFor(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until) {}
}

describeLanes('starts', (kit) => {
  it.each([
    { timeoutMs: Number.NaN },
    { timeoutMs: -1 },
    { startAt: -1 },
    { startAt: Number.POSITIVE_INFINITY },
    { startAt: 1e300 },
    { source: 1 },
  ])('none of a submission where %o is in one of them', async (wrong) => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const lane = kit().open()
    expect(() => lane.submit({ id: 9, to }, { id: 8, to, ...wrong })).toThrow(RangeError)
    expect((await lane.outcomeOf({ to })).id).toBe(0)
  })

  it('in the order of their submission', async () => {
    const lane = kit().open({ limit: 1 })
    const to = { address: LOOPBACK, port: await unusedPort() }
    for (const id of range(50)) lane.submit({ id, to })
    expect((await lane.told(50)).map(({ id }) => id)).toEqual(range(50))
  })

  it('no more in flight than the limit, and more once it is raised', async () => {
    const to = await kit().silent()
    const lane = kit().open({ limit: 3 })
    lane.submit(...range(10).map((id) => ({ id, to })))
    await until(() => kit().backend.openHandles === 3)
    await turns(20)
    expect(kit().backend.openHandles).toBe(3)
    lane.lane.limit(8)
    await until(() => kit().backend.openHandles === 8)
    lane.lane.limit(2)
    await turns(20)
    expect(kit().backend.openHandles).toBe(8)
    lane.lane.cancel()
  })

  it('no limit at all', async () => {
    const lane = kit().open({ limit: Number.POSITIVE_INFINITY })
    const to = { address: LOOPBACK, port: await unusedPort() }
    lane.submit(...range(20).map((id) => ({ id, to })))
    lane.lane.limit(2 ** 40)
    expect(await lane.told(20)).toHaveLength(20)
  })

  it('START_AT is the earliest moment', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const lane = kit().open()
    const base = performance.now()
    lane.submit(...range(10).map((id) => ({ id, to, startAt: base + 20 + id * 5 })))
    for (const { id, startedAt } of await lane.told(10)) {
      expect(startedAt).toBeGreaterThanOrEqual(base + 20 + id * 5)
    }
  })

  // Tried again: a thread that is stopped between being let begin and looking at the clock seems to have begun later.
  it('intervalMs apart, with no more than MAKE_UP_MS worth of them at once', {
    retry: 4,
  }, async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const intervalMs = 2
    const lane = kit().open({ intervalMs })
    const count = 30
    lane.submit(...range(count).map((id) => ({ id, to, startAt: 0.001 })))
    const starts = (await lane.told(count))
      .map(({ startedAt }) => startedAt)
      .toSorted((a, b) => a - b)
    const most = MAKE_UP_MS / intervalMs + 1
    for (const [index, startedAt] of starts.entries()) {
      const later = starts[index + most]
      // Between so many starts there is at least an interval, whatever the rest of the machine does.
      if (later !== undefined) expect(later - startedAt).toBeGreaterThan(intervalMs * 0.9)
    }
    const [first = 0] = starts
    expect((starts.at(-1) ?? 0) - first).toBeGreaterThanOrEqual((count - most) * intervalMs * 0.9)
  })

  it('an attempt without a time does not wait for the schedule', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const lane = kit().open({ intervalMs: 60_000 })
    lane.submit({ id: 0, to, startAt: 0.001 }, { id: 1, to })
    expect((await lane.told(2)).map(({ status }) => status)).toEqual(
      range(2).map(() => -E.ECONNREFUSED),
    )
  })
})

describeLanes('the sink', (kit) => {
  it('is never called from within a call of the lane', async () => {
    const lane = kit().open()
    lane.submit({ id: 0, to: { address: 'fe80::1', port: 1 } })
    lane.lane.limit(5)
    expect(lane.outcomes).toEqual([])
    await lane.told(1)
  })

  it('may submit more', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const lane = kit().open({ limit: 10 })
    const count = 500
    lane.onBatch = (batch) => {
      for (const { id } of batch) if (id + 1 < count) lane.submit({ id: id + 1, to })
    }
    lane.submit({ id: 0, to })
    expect((await lane.told(count)).map(({ id }) => id)).toEqual(range(count))
  })

  it('may cancel its lane, and is not called again', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const lane = kit().open({ limit: 10 })
    lane.onBatch = () => lane.lane.cancel()
    lane.submit(...range(5_000).map((id) => ({ id, to })))
    await lane.told(1)
    const { length } = lane.outcomes
    await until(() => kit().backend.openHandles === 0)
    lane.lane.submit(encode([{ id: 0, to }]), 1)
    lane.lane.limit(2)
    lane.lane.cancel()
    lane.lane.end()
    await turns(20)
    expect(lane.outcomes).toHaveLength(length)
  })

  it('may destroy the backend', async () => {
    const server = await kit().serve()
    const { backend } = kit()
    const lane = kit().open({ onConnected: 'keep' })
    let destroyed: Promise<void> | undefined
    lane.onBatch = () => {
      destroyed ??= backend.destroy()
    }
    lane.submit(
      ...range(500).map((id) => ({ id, to: { address: LOOPBACK, port: server.at.port } })),
    )
    await lane.told(1)
    const { length } = lane.outcomes
    await destroyed
    expect(backend.openHandles).toBe(0)
    expect(lane.outcomes).toHaveLength(length)
  })

  it('may take the array away', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const lane = kit().open()
    lane.onBatch = (_batch, records) => {
      structuredClone(records, { transfer: [records.buffer as ArrayBuffer] })
    }
    for (const id of range(3)) expect((await lane.outcomeOf({ to })).id).toBe(id)
  })

  it('of one lane does not get what is of another', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const lanes = range(5).map(() => kit().open({ limit: 50 }))
    for (const [index, lane] of lanes.entries()) {
      lane.submit(...range(1_000).map((id) => ({ id: index * 1_000 + id, to })))
    }
    for (const [index, lane] of lanes.entries()) {
      const ids = (await lane.told(1_000)).map(({ id }) => id)
      expect(ids.toSorted((a, b) => a - b)).toEqual(range(1_000).map((id) => index * 1_000 + id))
      lane.lane.end()
    }
  })

  it('may open another lane, and nobody is passed over for it', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    const lanes = [kit().open(), kit().open()]
    const [first] = lanes
    if (first === undefined) throw new Error('no lane')
    // The next turn begins with the new one, ...
    first.onBatch = () => {
      first.onBatch = () => {}
      const third = kit().open()
      third.onBatch = () => kit().open()
      lanes.push(third)
    }
    await first.outcomeOf({ to })
    for (const [id, lane] of lanes.entries()) lane.submit({ id, to })
    // ... and has something for all three.
    busyFor(50)
    for (const lane of lanes) await lane.told(lane === first ? 2 : 1)
  })

  it('may be slow: what it has been told of takes no memory', async () => {
    const { bulk } = kit()
    const count = 4_096
    const to = { address: LOOPBACK, port: 1 }
    // None of them is more than a socket(2): there is no such source.
    const sources = [{ family: 'inet', address: 'nowhere', port: 0 }] as const
    const records = encode(range(count).map((id) => ({ id, to, source: 1 })))
    const grownBy = await new Promise<number>((resolve) => {
      let batches = 0
      let before = 0
      const lane = bulk.open(
        { limit: count, onConnected: 'reset', options: { inet: [], inet6: [] }, sources },
        {
          outcomes(_records, told) {
            busyFor(10)
            batches++
            if (batches === 40) before = process.memoryUsage.rss()
            if (batches < 160) return lane.submit(records, told)
            lane.cancel()
            resolve(process.memoryUsage.rss() - before)
          },
        },
      )
      lane.submit(records, count)
    })
    // They would be 10 MB.
    expect(grownBy).toBeLessThan(5e6)
  })
})

describeLanes('the end', (kit) => {
  it('cancel() with 10,000 in flight', async () => {
    const to = await kit().silent()
    const { backend } = kit()
    const before = descriptors().size
    const lane = kit().open({ limit: 10_000 })
    lane.submit(...range(12_000).map((id) => ({ id, to })))
    await until(() => backend.openHandles === 10_000)
    lane.lane.cancel()
    if (kit().threads === 0) expect(backend.openHandles).toBe(0)
    await until(() => backend.openHandles === 0)
    // Its own, kept until destroy().
    expect(descriptors().size - before).toBeLessThan(10)
    await turns(10)
    expect(lane.outcomes).toEqual([])
  })

  it('cancel() closes what was connected and not told', async () => {
    const server = await kit().serve()
    const { backend } = kit()
    const lane = kit().open({ onConnected: 'keep', limit: 300 })
    const to = { address: LOOPBACK, port: server.at.port }
    lane.submit(...range(300).map((id) => ({ id, to })))
    await until(() => backend.openHandles > 0)
    lane.lane.cancel()
    const told = lane.outcomes.length
    for (const { handle } of lane.outcomes) backend.close(handle as Handle, 'reset')
    await until(() => backend.openHandles === 0)
    expect(lane.outcomes).toHaveLength(told)
  })

  it('destroy() with attempts in flight, queued and untold', async () => {
    const to = await kit().silent()
    const server = await kit().serve()
    const { backend } = kit()
    const silent = kit().open({ limit: 500 })
    silent.submit(...range(1_000).map((id) => ({ id, to })))
    const kept = kit().open({ onConnected: 'keep', limit: 100 })
    kept.submit(
      ...range(100).map((id) => ({ id, to: { address: LOOPBACK, port: server.at.port } })),
    )
    await until(() => backend.openHandles >= 500)
    await backend.destroy()
    expect(backend.openHandles).toBe(0)
    const told = kept.outcomes.length
    await turn()
    expect(kept.outcomes).toHaveLength(told)
    expect(() => kit().open()).toThrow('EBADF')
    silent.submit({ id: 0, to })
    silent.lane.cancel()
  })

  it('another lane after end()', async () => {
    const to = { address: LOOPBACK, port: await unusedPort() }
    for (const round of range(20)) {
      const lane = kit().open()
      lane.submit(...range(round + 1).map((id) => ({ id, to })))
      const outcomes: readonly Outcome[] = await lane.told(round + 1)
      expect(outcomes).toHaveLength(round + 1)
      lane.lane.end()
    }
  })
})
