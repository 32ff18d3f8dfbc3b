/** What outlives what, with a storm under way: processes, Workers, exceptions, exhaustion, and a system without threads. */
import { spawnSync } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { unusedPort } from '@pollout/test-servers'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  availability,
  type ChildOptions,
  createBackendOn,
  descriptors,
  fewPorts,
  LOOPS,
  runChild,
  title,
} from './support.js'

/** For a child process: `storm(lane, count, port)` submits so many attempts at once. */
const STORM = `
  const records = (count, port, first = 0) => {
    const bytes = new Uint8Array(count * 48)
    const view = new DataView(bytes.buffer)
    for (let i = 0; i < count; i++) {
      view.setUint32(i * 48, first + i, true)
      view.setUint16(i * 48 + 4, 4, true)
      view.setUint16(i * 48 + 6, port, true)
      bytes.set([127, 0, 0, 1], i * 48 + 16)
      view.setFloat64(i * 48 + 32, 30000, true)
    }
    return bytes
  }
  const storm = (lane, count, port, first) => backend.submit(lane, records(count, port, first), count)
`

const child = (threads: number) => `
  ${STORM}
  const backend = createBackend(() => {}, () => {}, 0, ${threads})
  const open = (limit, outcomes, onConnected = 2) => backend.openLane(limit, onConnected, [], [], [], 0, outcomes)
  const alive = setInterval(() => {}, 1000)
`

describe
  .skipIf(!availability.available)
  .each(LOOPS.flatMap((loop) => [0, 1, 2].map((threads) => ({ loop, threads }))))(
  `native bulk lane on $loop, $threads threads: lifetime${title}`,
  ({ loop, threads }) => {
    const runOn = (code: string, options: ChildOptions = {}) => runChild(code, { loop, ...options })
    let port = 0
    beforeAll(async () => {
      port = await unusedPort()
    })

    it('a lane with attempts in flight keeps no process alive', async () => {
      const { lines, code, stderr } = await runOn(`
        ${child(threads)}
        clearInterval(alive)
        storm(open(100, () => {}), 100000, ${port})
        process.on('exit', () => say('exit'))
      `)
      expect({ lines, code, stderr }).toEqual({ lines: ['exit'], code: 0, stderr: '' })
    })

    it('process.exit() in the middle of a storm', async () => {
      const { lines, code, stderr } = await runOn(`
        ${child(threads)}
        storm(open(1000, () => { say('told'); process.exit(7) }, 0), 100000, ${port})
      `)
      expect({ lines, code, stderr }).toEqual({ lines: ['told'], code: 7, stderr: '' })
    })

    it('an exception from the sink is uncaught, and the rest is delivered', async () => {
      const { lines, code } = await runOn(`
        ${child(threads)}
        let told = 0
        let thrown = 0
        process.on('uncaughtException', error => { thrown += error.message === 'from the sink' })
        const count = 20000
        const outcomes = (records, n) => {
          told += n
          if (told === count) { say('all'); setImmediate(() => { say(String(thrown > 1)); clearInterval(alive) }) }
          throw new Error('from the sink')
        }
        storm(open(500, outcomes), count, ${port})
      `)
      expect({ lines, code }).toEqual({ lines: ['all', 'true'], code: 0 })
    })

    it('microtasks and ticks run before the loop goes on', async () => {
      const { lines } = await runOn(`
        ${child(threads)}
        const lane = open(1, () => {
          setImmediate(() => { say('immediate'); clearInterval(alive) })
          Promise.resolve().then(() => say('microtask'))
          process.nextTick(() => say('tick'))
          say('told')
        })
        storm(lane, 1, ${port})
      `)
      expect(lines).toEqual(['told', 'tick', 'microtask', 'immediate'])
    })

    it('where descriptors run out, it says so and waits for the limit', async () => {
      const { lines, stderr } = await runOn(
        `
        ${child(threads)}
        const { createServer } = require('node:net')
        // Nobody accepts: what connects is in the queue, and kept.
        const path = require('node:child_process')
        const tally = {}
        let told = 0
        const outcomes = (records, n) => {
          for (let i = 0; i < n; i++) {
            const key = records[i * 8 + 1] + ' ' + records[i * 8 + 2]
            tally[key] = (tally[key] ?? 0) + 1
            if (records[i * 8 + 1] === 0) kept.push(records[i * 8 + 3])
          }
          told += n
        }
        const kept = []
        const wait = async done => { while (!done()) await new Promise(setImmediate) }
        const server = createServer().listen({ host: '127.0.0.1', port: 0, backlog: 512 }, async () => {
          const lane = open(1000, outcomes, 0)
          storm(lane, 300, server.address().port)
          await wait(() => tally['-24 0'] >= 1)
          // What follows the first one waits, in each thread.
          for (let i = 0; i < 50; i++) await new Promise(setImmediate)
          say(String(tally['-24 0'] <= ${Math.max(1, threads)}))
          for (const handle of kept.splice(0)) backend.close(handle, true)
          while (told < 300) {
            backend.limit(lane, 1000)
            await new Promise(setImmediate)
            for (const handle of kept.splice(0)) backend.close(handle, true)
          }
          say(String(told))
          server.close()
          backend.destroy(() => { say(String(backend.openHandles())); process.exit() })
        })
        server.on('connection', socket => socket.on('error', () => {}))
        `,
        { wrap: ['sh', '-c', 'ulimit -n 120; exec "$0" "$@"'] },
      )
      expect({ lines, stderr }).toEqual({ lines: ['true', '300', '0'], stderr: '' })
    })

    it('a lane that has no descriptors for itself: EMFILE, and later it works', async () => {
      const { lines } = await runOn(
        `
        ${child(threads)}
        const held = []
        try { for (;;) held.push(fs.openSync('/dev/null')) } catch {}
        for (let spare = 0; spare < 3; spare++) {
          try { open(1, () => {}); say('opened') } catch (error) { say(error.errno + ' ' + error.syscall) }
          fs.closeSync(held.pop())
        }
        for (const fd of held) fs.closeSync(fd)
        const before = descriptors()
        const lane = open(1, () => {
          backend.destroy(() => { say('closed ' + (descriptors() < before + 4)); clearInterval(alive) })
        })
        storm(lane, 1, ${port})
        `,
        { wrap: ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"'] },
      )
      expect(lines).toEqual([
        '-24 epoll_create1',
        '-24 eventfd',
        '-24 timerfd_create',
        'closed true',
      ])
    })

    const isRoot = process.getuid?.() === 0
    if (threads > 0 && loop === 'libuv') {
      it.skipIf(!isRoot)(
        `where no thread can be started, the loop's own does it${isRoot ? '' : ' (skipped: needs root)'}`,
        async () => {
          const { lines, stderr } = await runOn(
            `
          process.setuid(65534)
          ${child(threads)}
          let told = 0
          const lane = open(50, (records, n) => {
            told += n
            if (told < 500) return
            const names = fs.readdirSync('/proc/self/task').map(id => fs.readFileSync('/proc/self/task/' + id + '/comm', 'utf8'))
            say(told + ' ' + names.includes('pollout\\n'))
            backend.destroy(() => { say('closed'); clearInterval(alive) })
          })
          storm(lane, 500, ${port})
          `,
            { wrap: ['prlimit', '--nproc=1'] },
          )
          expect({ lines, stderr }).toEqual({ lines: ['500 false', 'closed'], stderr: '' })
        },
      )
    }

    it('Workers, terminated in the middle of a storm, leave no descriptor behind', async () => {
      const code = `
        const { parentPort, workerData } = require('node:worker_threads')
        ${createBackendOn(loop)}
        ${STORM}
        const backend = createBackend(() => {}, () => {}, 0, workerData.threads)
        setInterval(() => {}, 1000)
        let told = false
        const lane = backend.openLane(500, 0, [], [], [], 0, () => {
          if (told) return
          told = true
          parentPort.postMessage('told')
          if (workerData.last === 'destroy') backend.destroy(() => {})
          if (workerData.last === 'cancel') backend.cancel(lane)
          if (workerData.last === 'exit') process.exit()
        })
        storm(lane, 200000, workerData.port)
      `
      const run = async (last: string) => {
        const workerData = { port, threads, last }
        const worker = new Worker(code, { eval: true, workerData })
        await new Promise((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
        })
        await worker.terminate()
      }
      await run('nothing')
      const before = descriptors()
      for (let round = 0; round < 5; round++) {
        await Promise.all(['nothing', 'destroy', 'cancel', 'exit'].map(run))
      }
      expect(descriptors()).toEqual(before)
    })

    const { wrap, canUnshare } = fewPorts()

    it.skipIf(!canUnshare)(
      `a self-connect is told, and closed${canUnshare ? '' : ' (skipped: needs unshare -rn and ip)'}`,
      async () => {
        const { lines, stderr } = await runOn(
          `
          ${child(threads)}
          const tally = {}
          let told = 0
          const lane = open(1, (records, n) => {
            for (let i = 0; i < n; i++) tally[records[i * 8 + 1]] = (tally[records[i * 8 + 1]] ?? 0) + 1
            told += n
            if (told < 300) return
            say(Object.keys(tally).sort().join())
            backend.destroy(() => { say(String(backend.openHandles())); clearInterval(alive) })
          }, 0)
          storm(lane, 300, 40000)
          `,
          { wrap },
        )
        expect({ lines, stderr }).toEqual({ lines: ['-111,1', '0'], stderr: '' })
      },
    )

    const filters =
      'ip link set lo up && nft add table inet t && nft add chain inet t o "{ type filter hook output priority 0; }" && ' +
      'nft add rule inet t o tcp dport 9 reject with icmpx type host-unreachable && exec "$0" "$@"'
    const canFilter =
      spawnSync('unshare', ['-rn', 'sh', '-c', filters, 'true'], { stdio: 'ignore' }).status === 0

    it.skipIf(!canFilter)(
      `an ICMP error ends it once${canFilter ? '' : ' (skipped: needs unshare -rn, ip and nft)'}`,
      async () => {
        const { lines, stderr } = await runOn(
          `
          ${child(threads)}
          let told = 0
          const statuses = new Set()
          const lane = open(20, (records, n) => {
            for (let i = 0; i < n; i++) statuses.add(records[i * 8 + 1])
            told += n
            if (told < 100) return
            say([...statuses].join())
            backend.destroy(() => { say('closed'); clearInterval(alive) })
          })
          storm(lane, 100, 9)
          `,
          { wrap: ['unshare', '-rn', 'sh', '-c', filters] },
        )
        expect({ lines, stderr }).toEqual({ lines: ['-113', 'closed'], stderr: '' })
      },
    )
  },
)
