/** Which connections of a pool are not lent again: dead, old, worn out, idle too long, or not liked by the user's check. */
import type { Connection, ConnectionPool, Lease, PoolOptions } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { type ServerStage, serverStage, URI } from './server-setups.js'

interface PoolStage extends ServerStage {
  readonly pool: ConnectionPool
  lease(): Promise<Lease>
}

function poolStage(options: PoolOptions = {}): PoolStage {
  const set = serverStage()
  const pool = set.reactor.pool(URI, options)
  const lease = async (): Promise<Lease> => {
    const acquiring = pool.acquire()
    await set.pass()
    return acquiring
  }
  return { ...set, pool, lease }
}

function counts(pool: ConnectionPool): Partial<Record<string, number>> {
  return Object.fromEntries(Object.entries(pool.stats()).filter(([, count]) => count > 0))
}

describe('an idle connection', () => {
  const deaths = {
    'whose peer has ended': [(set: PoolStage) => set.server.ends[0]?.end(), ['0: end']],
    'whose peer has reset it': [(set: PoolStage) => set.server.ends[0]?.reset(), []],
    'on which something has come': [
      (set: PoolStage) => set.server.ends[0]?.write(Buffer.from('late')),
      ['0: end'],
    ],
    'that its last holder still reads': [
      (_: PoolStage, connection: Connection) => void connection.received.subscribe(),
      ['0: end'],
    ],
    'that its last holder has closed': [
      (_: PoolStage, connection: Connection) => void connection.close(),
      ['0: end'],
    ],
  } as const
  for (const when of ['before', 'after'] as const) {
    it.each(Object.entries(deaths))(
      `%s, ${when} the release, is not lent`,
      async (_, [die, left]) => {
        const set = poolStage()
        const first = await set.lease()
        if (when === 'after') first.release()
        die(set, first.connection)
        await set.pass()
        if (when === 'before') first.release()
        const second = await set.lease()
        expect(second.connection).not.toBe(first.connection)
        await set.pass()
        expect([set.server.left, counts(set.pool)]).toEqual([left, { leased: 1 }])
      },
    )
  }

  it('that has died makes room for those who wait, one after the other', async () => {
    const set = poolStage({ maxConnections: 2 })
    const leases = [await set.lease(), await set.lease()]
    for (const lease of leases) lease.release()
    for (const end of set.server.ends) end.end()
    await set.pass()
    const fresh = await set.lease()
    expect(leases.map(({ connection }) => connection)).not.toContain(fresh.connection)
    expect(counts(set.pool)).toEqual({ leased: 1 })
  })

  it('that lives is asked nothing that the peer could see', async () => {
    const set = poolStage()
    for (let i = 0; i < 5; i++) (await set.lease()).release()
    expect([set.server.ends.length, set.server.heard, set.server.left]).toEqual([1, [], []])
    expect(set.reactor.stats().registrations).toBe(0)
  })
})

describe('a connection on loan', () => {
  it('that dies is not lent again when it is released', async () => {
    const set = poolStage()
    const first = await set.lease()
    set.server.ends[0]?.reset()
    await set.pass()
    expect(counts(set.pool)).toEqual({ leased: 1 })
    first.release()
    expect((await set.lease()).connection).not.toBe(first.connection)
  })

  it('that is given back with something unsent is closed, and has its place until that is out', async () => {
    const set = poolStage({ maxConnections: 1 })
    const first = await set.lease()
    set.server.ends[0]?.pause()
    void first.connection.send(Buffer.alloc(400_000))
    first.release()
    expect(counts(set.pool)).toEqual({ closing: 1 })
    const next = set.pool.acquire()
    await set.pass(100)
    expect(counts(set.pool)).toEqual({ closing: 1, waiting: 1 })
    set.server.ends[0]?.resume()
    await set.pass()
    expect((await next).connection).not.toBe(first.connection)
    expect([counts(set.pool), set.server.left]).toEqual([{ leased: 1 }, ['0: end']])
  })

  it('whose peer does not take what is unsent is reset after 5 s', async () => {
    const set = poolStage({ maxConnections: 1 })
    const first = await set.lease()
    set.server.ends[0]?.pause()
    first.connection.send(Buffer.alloc(400_000)).catch(() => {})
    first.release()
    await set.pass(4_999)
    expect(counts(set.pool)).toEqual({ closing: 1 })
    await set.pass(1)
    expect([counts(set.pool), first.connection.closed]).toEqual([{}, true])
  })
})

describe('limits', () => {
  it('idleTimeoutMs: closed when its time is up, counted from the last release', async () => {
    const set = poolStage({ idleTimeoutMs: 100 })
    const [first, second] = [await set.lease(), await set.lease()]
    first.release()
    await set.pass(50)
    second.release()
    await set.pass(49)
    expect(counts(set.pool)).toEqual({ idle: 2 })
    await set.pass(1)
    expect([counts(set.pool), set.server.left]).toEqual([{ idle: 1 }, ['0: end']])
    ;(await set.lease()).release()
    await set.pass(99)
    expect(counts(set.pool)).toEqual({ idle: 1 })
    await set.pass(1)
    expect([counts(set.pool), set.server.left]).toEqual([{}, ['0: end', '1: end']])
  })

  it('idleTimeoutMs: each at its own time', async () => {
    const set = poolStage({ idleTimeoutMs: 100 })
    const leases = [await set.lease(), await set.lease(), await set.lease()]
    for (const lease of leases) {
      lease.release()
      await set.pass(10)
    }
    const left: number[] = []
    for (let i = 0; i < 4; i++) {
      await set.pass(i === 0 ? 69 : 10)
      left.push(set.pool.stats().idle)
    }
    expect(left).toEqual([3, 2, 1, 0])
  })

  it('idleTimeoutMs: not lent after it, also where the loop was held up', async () => {
    const set = poolStage({ idleTimeoutMs: 100 })
    const first = await set.lease()
    first.release()
    set.clock.stall(100)
    const next = set.pool.acquire()
    expect(counts(set.pool)).toEqual({ connecting: 1, waiting: 1 })
    await set.pass()
    expect((await next).connection).not.toBe(first.connection)
  })

  it('maxLifetimeMs: closed when idle, or when it comes back', async () => {
    const set = poolStage({ maxLifetimeMs: 100, idleTimeoutMs: 1_000 })
    const [first, second] = [await set.lease(), await set.lease()]
    first.release()
    await set.pass(100)
    expect([counts(set.pool), set.server.left]).toEqual([{ leased: 1 }, ['0: end']])
    second.release()
    await set.pass()
    expect([counts(set.pool), set.server.left]).toEqual([{}, ['0: end', '1: end']])
  })

  it('maxLifetimeMs: not lent where it is over by the end of the check', async () => {
    const set = poolStage({
      maxLifetimeMs: 100,
      check: () => new Promise((resolve) => set.clock.setTimer(60, () => resolve(true))),
    })
    const first = await set.lease()
    await set.pass(50)
    first.release()
    const next = set.pool.acquire()
    await set.pass(60)
    expect((await next).connection).not.toBe(first.connection)
    expect(set.server.left).toEqual(['0: end'])
  })

  it('maxUses: closed after so many leases', async () => {
    const set = poolStage({ maxUses: 2 })
    const first = await set.lease()
    first.release()
    const second = await set.lease()
    expect(second.connection).toBe(first.connection)
    second.release()
    await set.pass()
    expect([counts(set.pool), set.server.left]).toEqual([{}, ['0: end']])
  })

  it('maxIdle: of more, the longest idle is closed', async () => {
    const set = poolStage({ maxIdle: 1 })
    const [first, second] = [await set.lease(), await set.lease()]
    second.release()
    first.release()
    await set.pass()
    expect([counts(set.pool), set.server.left]).toEqual([{ idle: 1 }, ['1: end']])
    expect((await set.lease()).connection).toBe(first.connection)
  })

  it('maxIdle 0: none is kept, but who waits gets what comes back', async () => {
    const set = poolStage({ maxIdle: 0, maxConnections: 1 })
    const first = await set.lease()
    const waiting = set.pool.acquire()
    first.release()
    await set.pass()
    const second = await waiting
    expect(second.connection).toBe(first.connection)
    second.release()
    await set.pass()
    expect([counts(set.pool), set.server.left]).toEqual([{}, ['0: end']])
  })
})

describe("the user's check", () => {
  const answers = {
    true: [() => true, true],
    'a promise of true': [async () => true, true],
    false: [() => false, false],
    'a promise of false': [async () => false, false],
    'nothing, by mistake': [() => undefined as unknown as boolean, false],
    'an error thrown': [
      () => {
        throw new Error('no')
      },
      false,
    ],
    'a rejection': [() => Promise.reject(new Error('no')), false],
    'true, having closed it': [
      (connection: Connection) => {
        void connection.close()
        return true
      },
      false,
    ],
  } as const
  it.each(Object.entries(answers))('%s', async (_, [check, lent]) => {
    const set = poolStage({ check })
    const first = await set.lease()
    first.release()
    expect((await set.lease()).connection === first.connection).toBe(lent)
    expect(set.server.ends.length).toBe(lent ? 1 : 2)
  })

  it('is not asked about a new connection, nor about one that is dead already', async () => {
    const asked: Connection[] = []
    const set = poolStage({ check: (connection) => asked.push(connection) > 0 })
    const first = await set.lease()
    first.release()
    set.server.ends[0]?.end()
    const second = await set.lease()
    second.release()
    expect(asked).toEqual([])
    await set.lease()
    expect(asked).toEqual([second.connection])
  })

  it('has checkTimeoutMs; what it has left unsent is not waited for', async () => {
    const check = (connection: Connection): Promise<boolean> => {
      connection.send(Buffer.alloc(400_000)).catch(() => {})
      return new Promise(() => {})
    }
    const set = poolStage({ check, checkTimeoutMs: 200 })
    const first = await set.lease()
    first.release()
    set.server.ends[0]?.pause()
    const next = set.pool.acquire()
    await set.pass(199)
    expect(counts(set.pool)).toEqual({ checking: 1, waiting: 1 })
    await set.pass(1)
    expect((await next).connection).not.toBe(first.connection)
    expect([counts(set.pool), first.connection.closed]).toEqual([{ leased: 1 }, true])
  })
})
