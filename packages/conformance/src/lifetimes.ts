/** Programs that end by themselves, each in its own way: what keeps a process alive, and what does not. */
import { MAIN } from './child-programs.js'
import type { PeerKind } from './world.js'

interface Lifetime {
  readonly peer: PeerKind
  readonly program: string
  readonly prints: readonly string[]
  readonly capability?: 'kernelReadiness'
}

/** How a program ends by itself, and what it prints. */
export const LIFETIMES: Readonly<Record<string, Lifetime>> = {
  'with a reactor that never did anything': { peer: 'echo', program: '', prints: [] },
  'when its connection has been closed': {
    peer: 'echo',
    program: `reactor.connect(endpoint).subscribe(async (c) => { await c.close(); console.log('closed') })`,
    prints: ['closed'],
  },
  'with an open connection that nobody reads': {
    peer: 'echo',
    program: `reactor.connect(endpoint).subscribe((c) => { globalThis.kept = c; console.log('open') })`,
    prints: ['open'],
  },
  'with a connection whose reader has left': {
    peer: 'echo',
    program: `reactor.connect(endpoint).subscribe((c) => {
      c.received.subscribe().unsubscribe(); console.log('left') })`,
    prints: ['left'],
  },
  'with an open connection that may be idle for a while': {
    peer: 'echo',
    program: `reactor.connect(endpoint).subscribe((c) => { c.idleTimeout(60_000); console.log('open') })`,
    prints: ['open'],
  },
  'with a Duplex that reads, once it is unreferenced': {
    peer: 'echo',
    program: `const d = reactor.duplex(endpoint)
      d.setTimeout(60_000).on('data', () => {}).on('connect', () => { d.unref(); console.log('unreferenced') })`,
    prints: ['unreferenced'],
  },
  'not before the data that a Duplex waits for': {
    peer: 'echo',
    program: `const d = reactor.duplex(endpoint)
      d.on('data', (data) => { console.log(String(data)); d.destroy() }).write('x')`,
    prints: ['x'],
  },
  'with a pool whose connections are idle': {
    peer: 'echo',
    program: `
      const pool = reactor.pool(endpoint)
      const leases = await Promise.all([pool.acquire(), pool.acquire()])
      for (const lease of leases) lease.release()
      console.log(pool.stats().idle, 'idle')`,
    prints: ['2 idle'],
  },
  'with a lease of a pool that is not given back': {
    peer: 'echo',
    program: `
      globalThis.lease = await reactor.pool(endpoint).acquire()
      console.log('leased')`,
    prints: ['leased'],
  },
  'not before the time of who waits for a lease is over': {
    peer: 'echo',
    program: `
      const pool = reactor.pool(endpoint, { maxConnections: 1, acquireTimeoutMs: 60 })
      globalThis.lease = await pool.acquire()
      await pool.acquire().catch((e) => console.log(e.code))`,
    prints: ['ERR_POOL_TIMEOUT'],
  },
  'with a reconnecting session that does nothing on its connection': {
    peer: 'echo',
    program: `
      const session = reactor.reconnecting(endpoint, () => new Promise(() => {}))
      session.state$.subscribe(({ kind }) => console.log(kind))
      session.subscribe()`,
    prints: ['connecting', 'connected'],
  },
  'not before a reconnecting session that waits has given up': {
    peer: 'refused',
    program: `
      const options = { backoff: backoff({ firstMs: 60 }), maxAttempts: 2 }
      reactor.reconnecting(endpoint, () => [], options).subscribe({ error: (e) => console.log(e.code) })`,
    prints: ['ECONNREFUSED'],
  },
  'at once when it lets go of a reconnecting session that waits': {
    peer: 'refused',
    program: `
      const waits = backoff({ firstMs: 30_000, jitter: 'none' })
      const session = reactor.reconnecting(endpoint, () => [], { backoff: waits })
      session.state$.subscribe(({ kind }) => { if (kind === 'waiting') { console.log(kind); reactor.unref() } })
      session.subscribe()`,
    prints: ['waiting'],
  },
  'not before the deadline of what is in flight': {
    peer: 'silent',
    program: `reactor.connect(endpoint, { timeoutMs: 100 }).subscribe({ error: (e) => console.log(e.code) })`,
    prints: ['ETIMEDOUT'],
  },
  'not before the last outcome of a fan-out': {
    peer: 'silent',
    program: `
      reactor.connectMany([endpoint, endpoint], { timeoutMs: 60, concurrency: 1 })
        .subscribe({ next: (o) => console.log(o.kind), complete: () => console.log('complete') })`,
    prints: ['timed-out', 'timed-out', 'complete'],
  },
  'not while a name is resolved, a pace is kept, or a target is put aside': {
    peer: 'echo',
    program: `
      WAITING
      const reset = { onConnected: 'reset' }
      const say = ({ kind }) => console.log(kind)
      const pace = (then) => reactor.connectMany([endpoint, endpoint], { ...reset, rate: 20 })
        .subscribe({ next: say, complete: then })
      const aside = () => short(3).connectMany([endpoint], reset).subscribe(say)
      nameless().connect('tcp://peer.test:1', { timeoutMs: 60 })
        .subscribe({ error: (e) => { console.log(e.phase); pace(aside) } })`,
    prints: ['resolve', 'connected', 'connected', 'connected'],
  },
  'soon when it lets go of a name, a pace and a target put aside': {
    peer: 'echo',
    program: `
      WAITING
      const names = nameless()
      names.connect('tcp://peer.test:1').subscribe({ error: () => console.log('no') })
      reactor.connectMany([endpoint, endpoint], { onConnected: 'reset', rate: 0.001 })
        .subscribe(({ kind }) => console.log(kind))
      const none = short(Infinity)
      none.connectMany([endpoint]).subscribe(() => console.log('no'))
      setTimeout(() => { for (const each of [names, reactor, none]) each.unref() }, 50)
      process.on('exit', () => console.log(performance.now() < 5_000 ? 'soon' : 'late'))`,
    prints: ['connected', 'soon'],
  },
  'soon when it lets go of a fan-out without end': {
    peer: 'echo',
    capability: 'kernelReadiness',
    program: `
      function* endless() { for (;;) yield endpoint }
      let count = 0
      reactor.connectMany(endless(), { concurrency: 20, onConnected: 'reset' })
        .subscribe(() => { if (++count === 100) reactor.unref() })
      process.on('exit', () => console.log(count < 100 ? 'too soon' : 'soon'))`,
    prints: ['soon'],
  },
  'not before the data that a reader waits for': {
    peer: 'echo',
    program: `
      reactor.connect(endpoint).subscribe((c) => {
        c.received.subscribe((chunk) => { console.log(String(chunk)); void c.close() })
        setTimeout(() => void c.send('late'), 50).unref()
      })`,
    prints: ['late'],
  },
  'at once with an unreferenced reactor': {
    peer: 'silent',
    // libuv knows no unref() of a request, so `node:net` can't let go of a connect in flight.
    capability: 'kernelReadiness',
    program: `reactor.unref().connect(endpoint).subscribe({ error: () => console.log('no') })`,
    prints: [],
  },
  'at once when it unsubscribes': {
    peer: 'silent',
    program: `const s = reactor.connect(endpoint).subscribe(); setTimeout(() => s.unsubscribe(), 10)`,
    prints: [],
  },
  'at once when it destroys the reactor': {
    peer: 'silent',
    program: `
      reactor.connect(endpoint).subscribe({ error: (e) => console.log(e.code) })
      setTimeout(() => reactor.destroy(), 10)`,
    prints: ['ERR_REACTOR_DESTROYED'],
  },
  'not before it has told that its reactor is destroyed': {
    peer: 'echo',
    program: `
      const code = (ask) => new Promise((resolve) => {
        const told = (e) => resolve(e.code)
        const asked = ask()
        if (asked.subscribe) asked.subscribe({ error: told })
        else if (asked.then) asked.catch(told)
        else asked.on('error', told)
      })
      const connection = await new Promise((resolve) => reactor.connect(endpoint).subscribe(resolve))
      const reading = code(() => connection.received)
      const bare = reactor.socket('inet')
      await reactor.unref().destroy()
      console.log(await reading)
      const column = { addresses: Uint32Array.of(0x7f000001), ports: 9 }
      const told = []
      for (const ask of [
        () => reactor.connect(endpoint), () => reactor.connect('tcp://localhost:9'), () => reactor.duplex(endpoint),
        () => reactor.connectMany([endpoint]), () => reactor.connectBatches([column]),
        () => reactor.session(endpoint, () => []), () => reactor.reconnecting(endpoint, () => []),
        () => reactor.pool(endpoint).acquire(), () => reactor.readiness(bare, 1), () => connection.send('x'),
      ]) told.push(await code(ask))
      console.log([...new Set(told)].join(), told.length)`,
    prints: ['ERR_REACTOR_DESTROYED', 'ERR_REACTOR_DESTROYED 10'],
  },
  'not before it has told that its backend is broken': {
    peer: 'echo',
    program: `
      let sink
      const broken = createReactor({ backend: (own) => backend()(sink = own) })
      sink.broken(new Error('on purpose'))
      await new Promise((resolve) => setTimeout(resolve, 20))
      broken.connect(endpoint).subscribe({ error: (e) => console.log(e.code) })`,
    prints: ['ERR_BACKEND_BROKEN'],
  },
  'at once by process.exit() with connects in flight': {
    peer: 'silent',
    program: `
      for (let i = 0; i < 50; i++) reactor.connect(endpoint).subscribe()
      setTimeout(() => process.exit(), 10)`,
    prints: [],
  },
}

/** `nameless()` is a reactor that never finds out an address, `short(n)` one that lacks descriptors for n sockets. */
const WAITING = `
const { errno } = await import('@pollout/core')
const nameless = () => createReactor({ backend: backend(), resolver: { resolve: () => new Promise(() => {}) } })
const short = (failures) => createReactor({ backend: (sink) => {
  const made = backend()(sink)
  const open = (spec) => failures-- > 0 ? -errno.EMFILE : made.open(spec)
  return new Proxy(made, { get: (_, key) => {
    if (key === 'bulk') return undefined // which would open its sockets by itself
    const value = key === 'open' ? open : made[key]
    return typeof value === 'function' ? value.bind(made) : value
  } })
} })
`

export const lifetimeProgram = (program: string): string =>
  `${MAIN}${program.replace('WAITING', WAITING)}`
