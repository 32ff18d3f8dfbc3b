/** What outlives what: processes, Workers, the collector, exceptions, and the poller's own failure. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  availability,
  type ChildOptions,
  createBackendOn,
  descriptors,
  fewPorts,
  LOOPS,
  listen,
  runChild,
  type TestServer,
  title,
} from './support.js'

/** Of a backend without sockets. */
const DESCRIPTORS = { libuv: 1, thread: 3 } as const

/** Connects to `port` and registers for reading, which nothing answers. */
const CONNECTED_CHILD = (port: number) => `
  const events = []
  const ready = (tokens, readiness, count) => {
    for (let i = 0; i < count; i++) onReady(tokens[i], readiness[i])
  }
  const backend = createBackend(ready, cause => say('broken ' + cause.errno + ' ' + cause.syscall))
  const handle = backend.open(2, 1)
  backend.connect(handle, 2, '127.0.0.1', ${port})
`

describe.skipIf(!availability.available).each(LOOPS)(
  `native addon on %s, lifetime${title}`,
  (loop) => {
    const run = (code: string, options: ChildOptions = {}) => runChild(code, { loop, ...options })
    let server: TestServer

    beforeAll(async () => {
      server = await listen()
    })
    afterAll(() => server.close())

    it('with nothing armed, a process ends', async () => {
      const { lines, code, stderr } = await run(`
      ${CONNECTED_CHILD(server.at.port)}
      const onReady = () => say('ready')
      backend.register(handle, 1, 1)
      backend.deregister(handle)
      const other = backend.open(2, 1)
      backend.register(other, 2, 1)
      backend.close(other, true)
      process.on('exit', () => say('exit'))
    `)
      expect({ lines, code, stderr }).toEqual({ lines: ['exit'], code: 0, stderr: '' })
    })

    it('with one armed it lives until that has reported', async () => {
      const own = await listen()
      const answer = async () => (await own.accepted()).write('x')
      const { lines, code } = await run(
        `
      ${CONNECTED_CHILD(own.at.port)}
      const onReady = (token, readiness) => say('ready ' + token + ' ' + readiness)
      backend.register(handle, 5, 1)
      process.on('exit', () => say('exit'))
      say('armed')
      `,
        { onLine: (line) => line === 'armed' && setTimeout(() => void answer(), 100) },
      )
      await own.close()
      expect({ lines, code }).toEqual({ lines: ['armed', 'ready 5 1', 'exit'], code: 0 })
    })

    it('unref() lets it end, ref() takes that back', async () => {
      const code = (calls: string) => `
      ${CONNECTED_CHILD(server.at.port)}
      const onReady = () => say('ready')
      backend.setRef(false)
      backend.register(handle, 5, 1)
      ${calls}
      process.on('exit', () => say('exit'))
    `
      expect((await run(code(''))).lines).toEqual(['exit'])
      const later = `
      backend.setRef(true)
      setTimeout(() => { say('alive'); backend.setRef(false) }, 100).unref()
    `
      expect((await run(code(later))).lines).toEqual(['alive', 'exit'])
    })

    it('an exception from the sink is uncaught, and harms no other registration', async () => {
      const { lines, code } = await run(`
      ${CONNECTED_CHILD(server.at.port)}
      process.on('uncaughtException', error => say('uncaught ' + error.message))
      let deliveries = 0
      const onReady = token => {
        if (++deliveries === 1) {
          backend.register(handle, 2, 2)
          process.nextTick(() => say('tick'))
          throw new Error('from the sink')
        }
        say('ready ' + token)
      }
      backend.register(handle, 1, 2)
    `)
      expect(lines.toSorted()).toEqual(['ready 2', 'tick', 'uncaught from the sink'])
      expect(code).toBe(0)
    })

    it('an uncaught exception from the sink ends the process as any other', async () => {
      const { code, stderr } = await run(`
      ${CONNECTED_CHILD(server.at.port)}
      const onReady = () => { throw new Error('from the sink') }
      backend.register(handle, 1, 2)
    `)
      expect(code).toBe(1)
      expect(stderr).toContain('Error: from the sink')
    })

    it('microtasks and ticks run before the loop goes on, and are not inside the sink', async () => {
      const { lines } = await run(`
      ${CONNECTED_CHILD(server.at.port)}
      const onReady = token => {
        say('ready ' + token)
        if (token !== 1) return
        setImmediate(() => say('immediate'))
        Promise.resolve().then(() => {
          say('microtask')
          backend.register(handle, 2, 2)
          backend.poll()
          say('polled')
        })
        process.nextTick(() => say('tick'))
      }
      backend.register(handle, 1, 2)
    `)
      expect(lines).toEqual(['ready 1', 'tick', 'microtask', 'ready 2', 'polled', 'immediate'])
    })

    it('process.exit() within the sink, and after destroy()', async () => {
      const code = (last: string) => `
      ${CONNECTED_CHILD(server.at.port)}
      const onReady = () => { ${last}; process.exit(7) }
      backend.register(handle, 1, 2)
    `
      expect((await run(code(''))).code).toBe(7)
      expect((await run(code('backend.destroy(() => say("closed"))'))).code).toBe(7)
    })

    it('destroy() gives every descriptor back, and nothing is delivered after it', async () => {
      const { lines, code } = await run(`
      const before = descriptors()
      ${CONNECTED_CHILD(server.at.port)}
      const onReady = () => say('ready')
      for (let i = 0; i < 100; i++) {
        const another = backend.open(2, 1)
        backend.connect(another, 2, '127.0.0.1', ${server.at.port})
        backend.register(another, i + 1, 2)
      }
      backend.destroy(() => say('closed ' + (descriptors() - before) + ' ' + backend.openHandles()))
      backend.destroy(() => say('twice'))
    `)
      expect({ lines, code }).toEqual({ lines: ['closed 0 0'], code: 0 })
    })

    it.each([
      ['a process', ''],
      ['destroy() without resets', 'backend.destroy(() => {}, true)'],
    ])(
      'what was sent arrives, though what was received is left unread, at the end of %s',
      async (_, last) => {
        const own = await listen()
        const accepted = own.accepted().then((socket) => socket.pause())
        const greeted = accepted.then((socket) => socket.write('hello'))
        const { lines, code } = await run(`
      ${CONNECTED_CHILD(own.at.port)}
      const onReady = (token) => {
        if (token === 1) return backend.register(handle, 2, 1)
        say('sent ' + backend.send(handle, new Uint8Array(1_000_000), 0))
        ${last}
      }
      backend.register(handle, 1, 2)
    `)
        await greeted
        expect({ lines, code }).toEqual({ lines: ['sent 1000000'], code: 0 })
        let bytes = 0
        const socket = await accepted
        socket.on('data', (chunk) => {
          bytes += chunk.length
        })
        await once(socket.resume(), 'end')
        expect(bytes).toBe(1_000_000)
        socket.destroy()
        await own.close()
      },
    )

    it('a failed poller says so once', async () => {
      const { lines, code } = await run(`
      ${CONNECTED_CHILD(server.at.port)}
      const onReady = () => say('ready')
      backend.register(handle, 1, 1)
      const isSet = fd => {
        try { return fs.readlinkSync('/proc/self/fd/' + fd).includes('[eventpoll]') } catch {}
      }
      // The highest one is the backend's, the loop's own came first.
      fs.closeSync(fs.readdirSync('/proc/self/fd').map(Number).filter(isSet).sort((a, b) => b - a)[0])
      backend.poll()
      backend.poll()
      backend.destroy(() => say('closed'))
    `)
      expect({ lines, code }).toEqual({ lines: ['broken -9 epoll_wait', 'closed'], code: 0 })
    })

    it('without a descriptor for the poller, the factory throws EMFILE', async () => {
      const { lines } = await run(
        `
      const held = []
      try { for (;;) held.push(fs.openSync('/dev/null')) } catch {}
      let failure
      try { createBackend(() => {}, () => {}) } catch (error) { failure = error }
      for (let i = 0; i < ${DESCRIPTORS[loop]}; i++) fs.closeSync(held.pop())
      const { errno, syscall } = failure
      say(JSON.stringify({ errno, syscall }))
      const backend = createBackend(() => {}, () => {})
      say(String(backend.open(2, 1)))
      `,
        { wrap: ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"'] },
      )
      expect(JSON.parse(lines[0] as string)).toEqual({ errno: -24, syscall: 'epoll_create1' })
      expect(lines[1]).toBe('-24')
    })

    it('a forgotten backend goes, with its sockets; one with something armed stays', async () => {
      const { lines, stderr } = await run(
        `
      const { setTimeout: sleep } = require('node:timers/promises')
      const forgotten = new FinalizationRegistry(native => native.destroy(() => {}))
      const make = armed => {
        const ready = (tokens, readiness, count) => say('ready ' + tokens[0])
        const backend = createBackend(ready, ready)
        const owner = { backend, ready }
        ready.owner = owner
        forgotten.register(owner, backend)
        const handle = backend.open(2, 1)
        backend.connect(handle, 2, '127.0.0.1', ${server.at.port})
        if (armed) backend.register(handle, 9, 1)
      }
      const collect = async () => {
        for (let i = 0; i < 5; i++) { gc(); await sleep(5) }
      }
      const before = descriptors()
      for (let i = 0; i < 10; i++) make(false)
      say('open ' + (descriptors() - before))
      ;(async () => {
        await collect()
        say('left ' + (descriptors() - before))
        make(true)
        await collect()
        say('armed ' + (descriptors() - before))
        process.exit()
      })()
      `,
        { args: ['--expose-gc'] },
      )
      const each = DESCRIPTORS[loop] + 1
      expect({ lines, stderr }).toEqual({
        lines: [`open ${10 * each}`, 'left 0', `armed ${each}`],
        stderr: '',
      })
    })

    it('100 Workers, terminated with attempts in flight, leave no descriptor behind', async () => {
      const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      ${createBackendOn(loop)}
      const ready = (tokens, readiness, count) => {
        for (let i = 0; i < count; i++) {
          backend.finishConnect(handles.get(tokens[i]))
          start(tokens[i])
        }
      }
      const backend = createBackend(ready, () => {})
      const handles = new Map()
      const start = token => {
        if (handles.has(token)) backend.close(handles.get(token), true)
        const handle = backend.open(2, 1)
        handles.set(token, handle)
        backend.connect(handle, 2, '127.0.0.1', workerData.port)
        backend.register(handle, token, 2)
      }
      for (let token = 1; token <= 10; token++) start(token)
      if (workerData.destroy) backend.destroy(() => {})
      parentPort.postMessage('started')
      if (workerData.exit) process.exit()
    `
      // Refused ones: they come back as fast as they go out, and leave no TIME-WAIT behind.
      const spare = await listen()
      await spare.close()
      const terminated = async (index: number) => {
        const workerData = {
          port: spare.at.port,
          destroy: index % 10 === 8,
          exit: index % 10 === 9,
        }
        const worker = new Worker(code, { eval: true, workerData })
        await new Promise((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
        })
        await worker.terminate()
      }
      await terminated(0)
      const before = descriptors()
      for (let index = 0; index < 100; index += 4) {
        await Promise.all([0, 1, 2, 3].map((offset) => terminated(index + offset)))
      }
      expect(descriptors()).toEqual(before)
    })

    const { wrap, canUnshare } = fewPorts()
    const why = canUnshare ? '' : ' (skipped: needs unshare -rn and ip)'

    it.skipIf(!canUnshare)(`a self-connect is told from a connect${why}`, async () => {
      const { lines, stderr } = await run(
        `
      const tally = {}
      let handle
      const next = () => {
        handle = backend.open(2, 1)
        const result = backend.connect(handle, 2, '127.0.0.1', 40000)
        if (result !== -115) say('connect ' + result)
        backend.register(handle, 1, 2)
      }
      const ready = () => {
        const status = backend.finishConnect(handle)
        tally[status] = (tally[status] ?? 0) + 1
        if (status === 2) {
          const [local, peer] = [backend.localAddress(handle), backend.peerAddress(handle)]
          say(local.port === peer.port ? 'same' : 'different')
        }
        backend.close(handle, true)
        if (status === 2 || tally[-111] > 1000) return say(Object.keys(tally).sort().join())
        next()
      }
      const backend = createBackend(ready, ready)
      next()
      `,
        { wrap },
      )
      expect({ lines, stderr }).toEqual({
        lines: ['same', expect.stringMatching(/^(-111,)?2$/)],
        stderr: '',
      })
    })
  },
)
