/** The addon's registrations against the real kernel: what is reported, when, and to whom. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Handle, Token } from '@pollout/core'
import { beforeEach, expect, it } from 'vitest'
import { type Bench, describeNative, descriptors, type Kit, turn, turns } from './support.js'

const READABLE = 1
const WRITABLE = 2

describeNative('registration', (kit) => {
  let bench: Bench
  beforeEach(() => {
    bench = kit().bench
  })
  const serve = (where?: Parameters<Kit['serve']>[0]) => kit().serve(where)

  it('is one shot, and tells the level of its time', async () => {
    const server = await serve()
    const handle = await bench.connected(server.at)
    const peer = await server.accepted()
    peer.write('x')
    expect(await bench.ready(handle, READABLE)).toBe(READABLE)
    const seen = bench.sink.events.length
    await turns(5)
    expect(bench.sink.events.length).toBe(seen)
    expect(await bench.ready(handle, READABLE | WRITABLE)).toBe(READABLE | WRITABLE)
  })

  it('the last one counts, and none after deregister()', async () => {
    const server = await serve()
    const handle = await bench.connected(server.at)
    const [first, second, third] = [bench.token(), bench.token(), bench.token()]
    bench.backend.register(handle, first, WRITABLE)
    bench.backend.register(handle, second, WRITABLE)
    await bench.sink.readinessOf(second)
    bench.backend.register(handle, third, WRITABLE)
    bench.backend.deregister(handle)
    bench.backend.deregister(handle)
    await turns(5)
    expect(bench.sink.events.map((event) => event.token)).not.toContain(first)
    expect(bench.sink.events.map((event) => event.token)).not.toContain(third)
    expect(await bench.ready(handle, WRITABLE)).toBe(WRITABLE)
  })

  it('nothing is delivered before the call returns, but by poll(), and not within the sink', async () => {
    const server = await serve()
    const handle = await bench.connected(server.at)
    const { backend, sink } = bench
    const before = sink.batches
    backend.register(handle, bench.token(), WRITABLE)
    expect(sink.batches).toBe(before)
    let within = 0
    sink.onBatch = () => {
      if (within === 0) {
        backend.register(handle, bench.token(), WRITABLE)
        backend.poll()
        within = sink.batches
      }
    }
    backend.poll()
    expect(within).toBe(before + 1)
    backend.poll()
    expect(sink.batches).toBe(before + 2)
    backend.poll()
    expect(sink.batches).toBe(before + 2)
    sink.onBatch = () => {
      throw new Error('from the sink')
    }
    backend.register(handle, bench.token(), WRITABLE)
    expect(() => backend.poll()).toThrow('from the sink')
  })

  it('batches: more than one of them holds, one a turn', async () => {
    const handles = Array.from({ length: 1500 }, () => bench.open())
    const tokens = handles.map(() => bench.token())
    handles.forEach((handle, i) => {
      expect(bench.backend.register(handle, tokens[i] as Token, WRITABLE)).toBe(0)
    })
    while (bench.sink.events.length < 1500) await turn()
    // kMaxBatch in native/poller.h: 256.
    expect(bench.sink.batches).toBe(6)
    expect(bench.sink.events.map((event) => event.token).sort((a, b) => a - b)).toEqual(tokens)
    handles.forEach((handle, i) => {
      bench.backend.register(handle, ((tokens[i] as number) + 5000) as Token, WRITABLE)
    })
    bench.backend.poll()
    expect(bench.sink.events.length).toBe(3000)
  })

  it('a closed descriptor with a living duplicate reports nothing', async () => {
    const server = await serve()
    const known = descriptors()
    const handle = await bench.connected(server.at)
    const peer = await server.accepted()
    const ours = [...descriptors()].filter((fd) => !known.has(fd))
    const stdio = ['pipe', 'ignore', 'ignore', ...ours] as const
    const child = spawn('cat', { stdio: [...stdio] })
    await once(child, 'spawn')
    bench.backend.register(handle, bench.token(), READABLE)
    bench.backend.close(handle, 'graceful')
    const seen = bench.sink.batches
    await new Promise<void>((resolve) => peer.write('x', () => resolve()))
    await turns(10)
    bench.backend.poll()
    expect(bench.sink.batches).toBe(seen)
    child.stdin?.end()
    await once(child, 'close')
  })

  it('the sink may close others of its batch, and have their descriptors used again', async () => {
    const { backend, sink } = bench
    const handles = Array.from({ length: 8 }, () => bench.open())
    const tokens = new Map(handles.map((handle) => [bench.token(), handle]))
    for (const [token, handle] of tokens) backend.register(handle, token, WRITABLE)
    let reopened: Handle[] = []
    const late = new Map<Token, Handle>()
    sink.onBatch = () => {
      sink.onBatch = () => {}
      for (const handle of handles) backend.close(handle, 'reset')
      reopened = handles.map(() => bench.open())
      for (const handle of reopened) {
        const token = bench.token()
        late.set(token, handle)
        backend.register(handle, token, WRITABLE)
      }
    }
    for (const token of tokens.keys()) await sink.readinessOf(token)
    for (const token of late.keys()) await sink.readinessOf(token)
    expect(sink.events.length).toBe(16)
    expect(new Set([...handles, ...reopened]).size).toBe(16)
    expect(backend.openHandles).toBe(8)
  })

  it('the sink may destroy the backend', async () => {
    const handles = Array.from({ length: 4 }, () => bench.open())
    let destroyed: Promise<void> | undefined
    bench.sink.onBatch = () => {
      destroyed = bench.backend.destroy()
      bench.backend.poll()
      expect(bench.backend.destroy()).toBe(destroyed)
    }
    const tokens = handles.map((handle) => {
      const token = bench.token()
      bench.backend.register(handle, token, WRITABLE)
      return token
    })
    await bench.sink.readinessOf(tokens[3] as Token)
    await destroyed
    expect(bench.sink.batches).toBe(1)
  })

  it("the sink may take the arrays' memory away", async () => {
    const { backend, sink } = bench
    const ready = sink.ready.bind(sink)
    sink.ready = (tokens, readiness, count) => {
      ready(tokens, readiness, count)
      const transfer = [tokens.buffer, readiness.buffer] as ArrayBuffer[]
      structuredClone([tokens, readiness], { transfer })
    }
    const handle = bench.open()
    for (let i = 0; i < 3; i++) expect(await bench.ready(handle, WRITABLE)).toBe(10)
    backend.close(handle, 'reset')
  })
})
