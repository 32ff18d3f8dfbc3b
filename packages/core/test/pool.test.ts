/** A pool: who gets which connection, in which order, and what is not lent again. */
import { getEventListeners } from 'node:events'
import type { ConnectionPool, Lease, PoolOptions } from '@pollout/core'
import { errno } from '@pollout/core'
import { describe, expect, it, vi } from 'vitest'
import { Fifo } from '../src/base/fifo.js'
import { WaitingLine } from '../src/pool/waiting-line.js'
import { watch } from './harness.js'
import { type ServerStage, serverStage, URI } from './server-setups.js'

interface PoolStage extends ServerStage {
  readonly pool: ConnectionPool
  /** An acquire() that is to succeed by itself. */
  lease(): Promise<Lease>
  /** The number of a lease's connection at the server. */
  numberOf(lease: Lease): number
}

function poolStage(options: PoolOptions & { latencyMs?: number } = {}): PoolStage {
  const { latencyMs = 0, ...rest } = options
  const set = serverStage({ latencyMs })
  const pool = set.reactor.pool(URI, rest)
  const known: unknown[] = []
  return {
    ...set,
    pool,
    async lease() {
      const acquiring = pool.acquire()
      await set.pass()
      const lease = await acquiring
      if (!known.includes(lease.connection)) known.push(lease.connection)
      return lease
    },
    numberOf: ({ connection }) => known.indexOf(connection),
  }
}

/** All that is not zero. */
function counts(pool: ConnectionPool): Partial<Record<string, number>> {
  return Object.fromEntries(Object.entries(pool.stats()).filter(([, count]) => count > 0))
}

describe('lending', () => {
  it('makes a connection, and lends it again when it was released', async () => {
    const { pool, server, lease, pass } = poolStage()
    const first = await lease()
    expect(counts(pool)).toEqual({ leased: 1 })
    first.release()
    expect([first.ended, counts(pool)]).toEqual([true, { idle: 1 }])
    const second = await lease()
    expect(second.connection).toBe(first.connection)
    second.discard()
    await pass()
    expect([server.ends.length, server.left, counts(pool)]).toEqual([1, ['0: reset'], {}])
  })

  it('lends the one used last first', async () => {
    const { lease, numberOf } = poolStage()
    const leases = [await lease(), await lease(), await lease()]
    for (const index of [1, 2, 0]) leases[index]?.release()
    expect([numberOf(await lease()), numberOf(await lease()), numberOf(await lease())]).toEqual([
      0, 2, 1,
    ])
  })

  it('counts a second release, and what comes after, for nothing', async () => {
    const { pool, lease } = poolStage()
    const first = await lease()
    first.release()
    first.release()
    expect(counts(pool)).toEqual({ idle: 1 })
    const second = await lease()
    first.release()
    first.discard()
    expect([counts(pool), second.connection.closed]).toEqual([{ leased: 1 }, false])
    second.discard()
    second.release()
    expect(counts(pool)).toEqual({})
  })

  it('use(): releases what went well, and discards what did not, passing the error on', async () => {
    const { pool, server, pass } = poolStage()
    const using = pool.use(async (connection) => {
      await connection.send('hello')
      return 5
    })
    await pass()
    expect([await using, counts(pool)]).toEqual([5, { idle: 1 }])
    const failing = watch(
      pool.use(() => {
        throw Object.assign(new Error('mine'), { code: 'MINE' })
      }),
    )
    await pass()
    expect([failing.state, counts(pool), server.left]).toEqual(['MINE', {}, ['0: reset']])
  })

  it('`using` discards what was not released', async () => {
    const { pool, lease } = poolStage()
    {
      using first = await lease()
      first.release()
    }
    expect(counts(pool)).toEqual({ idle: 1 })
    {
      using _ = await lease()
    }
    expect(counts(pool)).toEqual({})
  })
})

describe('those who wait', () => {
  it('are served first come, first served, as connections come back', async () => {
    const { pool, lease, pass } = poolStage({ maxConnections: 1 })
    const first = await lease()
    const order: number[] = []
    for (let i = 0; i < 3; i++) {
      void pool.acquire().then((lease) => {
        order.push(i)
        lease.release()
      })
    }
    expect(counts(pool)).toEqual({ leased: 1, waiting: 3 })
    first.release()
    await pass()
    expect([order, counts(pool)]).toEqual([[0, 1, 2], { idle: 1 }])
  })

  it('get what is released while their connect is slow, which is kept for the next', async () => {
    const { pool, server, lease, pass } = poolStage({ latencyMs: 50 })
    const early = lease()
    await pass(50)
    const first = await early
    const waiting = pool.acquire()
    await pass(10)
    expect(counts(pool)).toEqual({ leased: 1, connecting: 1, waiting: 1 })
    first.release()
    await pass()
    expect((await waiting).connection).toBe(first.connection)
    expect(counts(pool)).toEqual({ leased: 1, connecting: 1 })
    await pass(40)
    expect([counts(pool), server.ends.length]).toEqual([{ leased: 1, idle: 1 }, 2])
  })

  it('are too many beyond maxWaiting, not counting those who are being connected', async () => {
    const { pool, pass } = poolStage({ maxConnections: 2, maxWaiting: 1, latencyMs: 5 })
    const all = Array.from({ length: 4 }, () => watch(pool.acquire()))
    await pass()
    expect(all.map(({ state }) => state)).toEqual([
      'pending',
      'pending',
      'pending',
      'ERR_POOL_EXHAUSTED',
    ])
    await pass(5)
    expect(all.map(({ state }) => state).slice(0, 3)).toEqual(['done', 'done', 'pending'])
    await expect(pool.acquire()).rejects.toMatchObject({ phase: 'local', localFault: true })
  })

  it('may be none at all', async () => {
    const { pool, lease, pass } = poolStage({ maxConnections: 1, maxWaiting: 0 })
    const first = await lease()
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'ERR_POOL_EXHAUSTED' })
    first.release()
    const second = watch(pool.acquire())
    await pass()
    expect(second.state).toBe('done')
  })

  it('wait for acquireTimeoutMs, or what they said', async () => {
    const { pool, lease, pass } = poolStage({ maxConnections: 1, acquireTimeoutMs: 100 })
    const first = await lease()
    const [usual, hasty] = [watch(pool.acquire()), watch(pool.acquire({ timeoutMs: 30 }))]
    await pass(29)
    expect([usual.state, hasty.state]).toEqual(['pending', 'pending'])
    await pass(1)
    expect([usual.state, hasty.state]).toEqual(['pending', 'ERR_POOL_TIMEOUT'])
    await pass(70)
    expect([usual.state, counts(pool)]).toEqual(['ERR_POOL_TIMEOUT', { leased: 1 }])
    first.release()
    expect(counts(pool)).toEqual({ idle: 1 })
  })

  it('are told of the connect that fails, one for each', async () => {
    const { pool, server, pass } = poolStage({ maxConnections: 1 })
    server.status = -errno.ECONNREFUSED
    const all = [watch(pool.acquire()), watch(pool.acquire()), watch(pool.acquire())]
    await pass()
    expect(all.map(({ state }) => state)).toEqual(Array(3).fill('ECONNREFUSED'))
    expect([server.connects.length, counts(pool)]).toEqual([3, {}])
  })

  it('hear of a silent peer what the connect says, where both times end together', async () => {
    const { pool, server, pass } = poolStage()
    server.status = undefined
    const acquiring = watch(pool.acquire())
    await pass(30_000)
    expect([acquiring.state, counts(pool)]).toEqual(['ETIMEDOUT', {}])
  })

  it('keep the process alive; an idle pool does not', async () => {
    const intervals = vi.spyOn(globalThis, 'setInterval')
    const alive = (): number =>
      intervals.mock.results.filter(({ value }) => value.hasRef() && !value._destroyed).length
    const { pool, lease, pass } = poolStage({ maxConnections: 1 })
    const first = await lease()
    expect(alive()).toBe(0)
    const waiting = pool.acquire({ timeoutMs: Number.POSITIVE_INFINITY })
    expect(alive()).toBe(1)
    first.release()
    await pass()
    const second = await waiting
    second.release()
    await pass(10)
    expect([counts(pool), alive()]).toEqual([{ idle: 1 }, 0])
    intervals.mockRestore()
  })
})

describe('an acquire that is aborted', () => {
  it('before it began does nothing', async () => {
    const { pool, server, pass } = poolStage()
    const acquiring = watch(pool.acquire({ signal: AbortSignal.abort() }))
    await pass(10)
    expect([acquiring.state, server.connects]).toEqual(['ABORT_ERR', []])
  })

  it('while connecting ends the connect', async () => {
    const { pool, server, pass, reactor } = poolStage({ latencyMs: 50 })
    const controller = new AbortController()
    const acquiring = watch(pool.acquire({ signal: controller.signal }))
    await pass(10)
    controller.abort()
    await pass()
    expect([acquiring.state, counts(pool), reactor.stats().inFlight]).toEqual(['ABORT_ERR', {}, 0])
    await pass(100)
    expect(server.ends.length).toBe(0)
  })

  it('while connecting leaves the connect to others who wait', async () => {
    const { pool, pass } = poolStage({ maxConnections: 1, latencyMs: 50 })
    const controller = new AbortController()
    const first = watch(pool.acquire({ signal: controller.signal }))
    const second = watch(pool.acquire())
    await pass(10)
    controller.abort()
    await pass(40)
    expect([first.state, second.state, counts(pool)]).toEqual(['ABORT_ERR', 'done', { leased: 1 }])
  })

  it('after it was served has no say, and nothing is left of it', async () => {
    const { pool, pass, reactor } = poolStage()
    const controller = new AbortController()
    const acquiring = pool.acquire({ signal: controller.signal })
    await pass()
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(reactor.stats().deadlines).toBe(0)
    const lease = await acquiring
    controller.abort()
    await pass(100_000)
    expect([lease.ended, lease.connection.closed, counts(pool)]).toEqual([
      false,
      false,
      { leased: 1 },
    ])
  })

  it('in the line leaves it, and the others move up', async () => {
    const { pool, lease, pass } = poolStage({ maxConnections: 1 })
    const first = await lease()
    const controller = new AbortController()
    const aborted = watch(pool.acquire({ signal: controller.signal }))
    const next = watch(pool.acquire())
    controller.abort()
    first.release()
    await pass()
    expect([aborted.state, next.state, counts(pool)]).toEqual(['ABORT_ERR', 'done', { leased: 1 }])
  })

  it('while its connection is checked leaves that idle', async () => {
    const { pool, lease, pass } = poolStage()
    const first = await lease()
    first.release()
    const controller = new AbortController()
    const aborted = watch(pool.acquire({ signal: controller.signal }))
    expect(counts(pool)).toEqual({ checking: 1, waiting: 1 })
    controller.abort()
    await pass()
    expect([aborted.state, counts(pool)]).toEqual(['ABORT_ERR', { idle: 1 }])
  })

  it('by its time leaves a connect that takes longer to the next one', async () => {
    const { pool, server, pass } = poolStage({ acquireTimeoutMs: 20, latencyMs: 30 })
    const hasty = watch(pool.acquire())
    await pass(20)
    expect([hasty.state, counts(pool)]).toEqual(['ERR_POOL_TIMEOUT', { connecting: 1 }])
    await pass(10)
    expect(counts(pool)).toEqual({ idle: 1 })
    const next = watch(pool.acquire())
    await pass()
    expect([next.state, server.ends.length]).toEqual(['done', 1])
  })
})

describe('the line', () => {
  it('is in order, whoever leaves, and does not grow by those who have left', () => {
    const line = new WaitingLine<{ id: number; waiting: boolean }>()
    const push = vi.spyOn(Fifo.prototype, 'push')
    const all = Array.from({ length: 1_000 }, (_, id) => ({ id, waiting: true }))
    for (const item of all) line.push(item)
    for (const item of all) {
      if (item.id % 100 === 50) continue
      item.waiting = false
      line.left()
    }
    expect(line.size).toBe(10)
    const [fifo] = push.mock.contexts as Fifo<unknown>[]
    expect(fifo?.size).toBeLessThan(40)
    push.mockRestore()
    const rest = Array.from({ length: 10 }, () => line.take()?.id)
    expect(rest).toEqual([50, 150, 250, 350, 450, 550, 650, 750, 850, 950])
    expect([line.take(), line.size]).toEqual([undefined, 0])
  })
})
