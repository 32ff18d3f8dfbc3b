/** How a pool ends, with connections in every state, and what can't be meant when it is made. */
import type { Connection, ConnectionPool, PoolOptions } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { watch } from './harness.js'
import { serverStage, URI } from './server-setups.js'

function counts(pool: ConnectionPool): Partial<Record<string, number>> {
  return Object.fromEntries(Object.entries(pool.stats()).filter(([, count]) => count > 0))
}

/** One connection on loan, one being checked, one on its way; two who are to get these, and one in the line. */
async function busy(options: PoolOptions = {}) {
  const set = serverStage({ latencyMs: 10 })
  const pool = set.reactor.pool(URI, { maxConnections: 3, ...options })
  const acquiring = [pool.acquire(), pool.acquire()]
  await set.pass(10)
  const [lease, other] = await Promise.all(acquiring)
  if (!lease || !other) throw new Error('no leases')
  other.release()
  const waiting = [0, 1, 2].map(() => watch(pool.acquire()))
  expect(counts(pool)).toEqual({ leased: 1, checking: 1, connecting: 1, waiting: 3 })
  return { ...set, pool, lease, waiting }
}

describe('close()', () => {
  it('ends all at once: those who wait, what is on its way, on loan, and idle', async () => {
    const { pool, lease, waiting, pass, server, reactor } = await busy()
    const closing = watch(pool.close())
    expect([counts(pool), lease.connection.closed]).toEqual([{}, true])
    await pass()
    expect(waiting.map(({ state }) => state)).toEqual(Array(3).fill('ERR_POOL_CLOSED'))
    expect(closing.state).toBe('done')
    expect([reactor.stats().open, reactor.stats().inFlight]).toEqual([0, 0])
    await pass(100)
    expect([server.ends.length, [...server.left].sort()]).toEqual([2, ['0: reset', '1: end']])
    lease.release()
    expect(counts(pool)).toEqual({})
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'ERR_POOL_CLOSED',
      phase: 'aborted',
    })
    await pool.close()
  })

  it('closes idle connections with a FIN, as leaving an `await using` scope does', async () => {
    const { reactor, server, pass } = serverStage()
    const scope = watch(
      (async () => {
        await using pool = reactor.pool(URI)
        await pool.use(() => {})
      })(),
    )
    await pass()
    expect([scope.state, server.left]).toEqual(['done', ['0: end']])
  })

  it('does not wait for a check, and leaves no timer of it', async () => {
    const { clock, reactor, server, pass } = serverStage()
    const check = (): Promise<boolean> => new Promise(() => {})
    const pool = reactor.pool(URI, { check, checkTimeoutMs: 1_000_000 })
    const using = pool.use(() => {})
    await pass()
    await using
    const waiting = watch(pool.acquire())
    await pass(10)
    expect(counts(pool)).toEqual({ checking: 1, waiting: 1 })
    await pool.close()
    // As long as the deadlines of connects take to find out that nobody needs them.
    await pass(100_000)
    expect([waiting.state, clock.pendingTimers, server.left]).toEqual([
      'ERR_POOL_CLOSED',
      0,
      ['0: end'],
    ])
  })

  it('resets what a check has not got out', async () => {
    const { reactor, server, pass } = serverStage()
    const check = (connection: Connection): Promise<boolean> => {
      connection.send(Buffer.alloc(400_000)).catch(() => {})
      return new Promise(() => {})
    }
    const pool = reactor.pool(URI, { check })
    const using = pool.use(() => {})
    await pass()
    await using
    server.ends[0]?.pause()
    const waiting = watch(pool.acquire())
    await pass(10)
    await pool.close()
    await pass()
    expect([waiting.state, counts(pool), reactor.stats().open]).toEqual(['ERR_POOL_CLOSED', {}, 0])
  })

  it('does not wait for a peer that takes nothing', async () => {
    const { reactor, server, pass } = serverStage()
    const pool = reactor.pool(URI)
    const acquiring = pool.acquire()
    await pass()
    const lease = await acquiring
    server.ends[0]?.pause()
    lease.connection.send(Buffer.alloc(400_000)).catch(() => {})
    lease.release()
    const draining = watch(pool.drain())
    await pass(10)
    expect([draining.state, counts(pool)]).toEqual(['pending', { closing: 1 }])
    const closing = watch(pool.close())
    await pass()
    expect([draining.state, closing.state, counts(pool)]).toEqual(['done', 'done', {}])
  })
})

describe('drain()', () => {
  it('serves those who wait, then closes what comes back, and lends to nobody else', async () => {
    const { pool, lease, waiting, pass, server } = await busy()
    const draining = watch(pool.drain())
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_POOL_CLOSED' })
    await pass(10)
    expect(waiting.map(({ state }) => state)).toEqual(['done', 'done', 'pending'])
    lease.release()
    await pass()
    expect([waiting[2]?.state, draining.state, counts(pool)]).toEqual([
      'done',
      'pending',
      { leased: 3 },
    ])
    expect(server.left).toEqual([])
  })

  it('resolves when the last has come back, at once where there is none', async () => {
    const { reactor, server, pass } = serverStage()
    await reactor.pool(URI).drain()
    const pool = reactor.pool(URI)
    const acquiring = pool.acquire()
    await pass()
    const lease = await acquiring
    const draining = watch(pool.drain())
    await pass(1_000)
    expect(draining.state).toBe('pending')
    lease.release()
    await pass()
    expect([draining.state, server.left, counts(pool)]).toEqual(['done', ['0: end'], {}])
  })

  it('closes the pool after its timeoutMs', async () => {
    const { pool, lease, waiting, pass } = await busy()
    const draining = watch(pool.drain({ timeoutMs: 50 }))
    await pass(49)
    expect([draining.state, lease.connection.closed]).toEqual(['pending', false])
    await pass(1)
    expect([draining.state, lease.connection.closed, counts(pool)]).toEqual(['done', true, {}])
    expect(waiting.map(({ state }) => state)).toEqual(['done', 'done', 'ERR_POOL_CLOSED'])
  })
})

describe('a reactor that is destroyed', () => {
  it('takes its pools along', async () => {
    const { pool, lease, waiting, pass, reactor } = await busy()
    await reactor.destroy()
    // As long as the simulated handshake would have taken.
    await pass(10)
    expect(waiting.map(({ state }) => state)).toEqual(Array(3).fill('ERR_REACTOR_DESTROYED'))
    expect([counts(pool), lease.connection.closed]).toEqual([{}, true])
    lease.release()
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_REACTOR_DESTROYED' })
    await pool.close()
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_REACTOR_DESTROYED' })
  })

  it('lends nothing to a pool that comes after', async () => {
    const { reactor } = serverStage()
    await reactor.destroy()
    const pool = reactor.pool(URI)
    await expect(pool.use(() => {})).rejects.toMatchObject({ code: 'ERR_REACTOR_DESTROYED' })
    await pool.drain()
  })
})

describe('options', () => {
  it.each([
    { maxConnections: 0 },
    { maxConnections: 1.5 },
    { maxIdle: -1 },
    { maxWaiting: Number.NaN },
    { maxUses: 0 },
    { idleTimeoutMs: 0 },
    { maxLifetimeMs: -5 },
    { acquireTimeoutMs: Number.NaN },
    { checkTimeoutMs: 0 },
    { timeoutMs: 0 },
  ])('RangeError for %o', (options) => {
    const { reactor } = serverStage()
    expect(() => reactor.pool(URI, options)).toThrow(RangeError)
  })

  it('TypeError for what is no option, a signal, and a check that is none', () => {
    const { reactor } = serverStage()
    const { signal } = new AbortController()
    for (const options of [{ maxConnection: 5 }, { signal }, { check: 5 }]) {
      expect(() => reactor.pool(URI, options as object)).toThrow(TypeError)
    }
    const pool = reactor.pool(URI)
    expect(() => pool.acquire({ timeoutMs: -1 })).toThrow(RangeError)
    expect(() => pool.acquire({ signal: {} as AbortSignal })).toThrow(TypeError)
  })
})
