/** What recycling keeps, for how long, and what it never costs: native/recycler.cc. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Handle } from '@pollout/core'
import { unusedPort } from '@pollout/test-servers'
import { beforeEach, expect, it } from 'vitest'
import { recyclingKit } from './recycling-kit.js'
import {
  ADDON,
  Bench,
  describeNative,
  descriptors,
  E,
  inet,
  type Kit,
  runChild,
  turn,
  turns,
} from './support.js'

const WRITABLE = 2
const ERROR = 4
const CONNECTED = 0

describeNative('recycling, its bounds', (kit) => {
  let bench: Bench
  beforeEach(() => {
    bench = kit().bench
  })
  const serve = (where?: Parameters<Kit['serve']>[0]) => kit().serve(where)
  const { connectAnd, makeKnown, added } = recyclingKit(kit)

  it('what nobody takes is closed within the turn', async () => {
    const server = await serve()
    await makeKnown(server.at)
    const count = descriptors().size
    let inCheckPhase = -1
    await connectAnd(server.at, (handle) => {
      bench.backend.close(handle, 'reset')
      setImmediate(() => {
        inCheckPhase = descriptors().size - count
      })
    })
    await turn()
    // The one, and the server's end of it.
    expect(inCheckPhase).toBeGreaterThanOrEqual(1)
    await server.accepted()
    await turns(3)
    const peers = [...descriptors()].length - count
    expect(peers).toBeLessThanOrEqual(1)
    await server.close()
    kit().cleanups.length = 0
    await turns(2)
    // The poller's own.
    expect(descriptors().size - kit().before.size).toBeLessThanOrEqual(1)
  })

  it('no more than 256 are kept', async () => {
    const { backend, sink } = bench
    const at = inet(await unusedPort())
    await makeKnown(at)
    const handles = Array.from({ length: 400 }, () => bench.open())
    for (const handle of handles) backend.connect(handle, at)
    const closed = new Promise<number>((resolve) => {
      // All of the first batch and, for the rest, within its call of the sink.
      const pending = new Map(handles.map((handle) => [bench.token(), handle]))
      let count = 0
      sink.onBatch = (events) => {
        count += added(() => {
          for (const { token } of events) {
            backend.close(pending.get(token) as Handle, 'reset')
            pending.delete(token)
          }
        })
        if (pending.size === 0) resolve(count)
      }
      for (const [token, handle] of pending) backend.register(handle, token, WRITABLE)
    })
    // Several batches of one turn.
    backend.poll()
    expect(await closed).toBe(-(400 - 256))
    await turns(2)
    expect(descriptors().size - kit().before.size).toBe(1)
  })

  it('destroy() gives the spares back, from inside the sink and after it', async () => {
    const at = inet(await unusedPort())
    for (const when of ['inside', 'after']) {
      const other = new Bench()
      const count = descriptors().size
      const handles = Array.from({ length: 40 }, () => other.open())
      const tokens = new Map(handles.map((handle) => [other.token(), handle]))
      for (const [token, handle] of tokens) {
        other.backend.connect(handle, at)
        other.backend.register(handle, token, WRITABLE)
      }
      let destroyed: Promise<void> | undefined
      other.sink.onBatch = (events) => {
        const closed = added(() => {
          for (const { token } of events) other.backend.close(tokens.get(token) as Handle, 'reset')
        })
        // The first one was not known yet.
        expect(closed).toBe(-1)
        if (when === 'inside') destroyed = other.backend.destroy()
        expect(descriptors().size - count).toBe(when === 'inside' ? -1 : 39)
      }
      other.backend.poll()
      destroyed ??= other.backend.destroy()
      expect(other.sink.events.length).toBe(40)
      expect(descriptors().size - count).toBe(-1)
      await destroyed
    }
  })

  it('with spares and nothing armed, a process ends', async () => {
    const { lines, code, stderr } = await runChild(`
      ${KEEPING_CHILD(await unusedPort())}
      keep(20, () => say('kept ' + (descriptors() - before)))
      process.on('exit', () => say('exit ' + backend.openHandles()))
    `)
    expect({ lines, code, stderr }).toEqual({ lines: ['kept 19', 'exit 0'], code: 0, stderr: '' })
  })

  it('spares are gone before the loop sleeps', async () => {
    const { lines, code } = await runChild(`
      ${KEEPING_CHILD(await unusedPort())}
      keep(20, () => {
        say('kept ' + (descriptors() - before))
        setTimeout(() => say('left ' + (descriptors() - before)), 50)
      })
    `)
    expect({ lines, code }).toEqual({ lines: ['kept 19', 'left 0'], code: 0 })
  })

  it('spares never are the reason for EMFILE', async () => {
    const { lines, stderr, code } = await runChild(
      `
      ${KEEPING_CHILD(await unusedPort())}
      const fill = () => {
        const held = []
        try { for (;;) held.push(fs.openSync('/dev/null')) } catch (error) { say(error.code) }
        return held
      }
      keep(8, () => {
        // Another family: all of them go.
        const held = fill()
        say('other ' + (backend.open(10, 1) >= 0))
        say('free ' + (fill().length))
        for (const fd of held) fs.closeSync(fd)
        keep(3, () => {
          const held = fill()
          const [first, second, third] = [backend.open(2, 1), backend.open(2, 1), backend.open(2, 1)]
          say('taken ' + (first >= 0) + ' ' + (second >= 0) + ' ' + (third >= 0))
          say('full ' + backend.open(2, 1))
          // Another peer: each makes room for its own successor.
          say('connect ' + backend.connect(first, 2, '127.0.0.1', 1))
          say('connect ' + backend.connect(second, 2, '127.0.0.1', 1))
          say('local ' + (backend.localAddress(first) !== undefined))
          process.exit()
        })
      })
      `,
      { wrap: ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"'] },
    )
    expect({ lines, stderr, code }).toEqual({
      lines: [
        'EMFILE',
        'other true',
        'EMFILE',
        'free 6',
        'EMFILE',
        'taken true true true',
        'full -24',
        'connect -115',
        'connect -115',
        'local true',
      ],
      stderr: '',
      code: 0,
    })
  })

  it('Workers that are terminated with spares leave no descriptor behind', async () => {
    const code = (last: string) => `
      const { parentPort } = require('node:worker_threads')
      const { createBackend } = require(${JSON.stringify(ADDON)})
      const fs = require('node:fs')
      const descriptors = () => fs.readdirSync('/proc/self/fd').length
      ${KEEPING_CHILD(port)}
      keep(20, () => {
        parentPort.postMessage('kept')
        ${last}
      })
    `
    const port = await unusedPort()
    const run = async (last: string) => {
      const worker = new Worker(code(last), { eval: true })
      const exit = once(worker, 'exit')
      await once(worker, 'message')
      if (last.includes('for')) await worker.terminate()
      await exit
    }
    await run('')
    const count = descriptors()
    for (let i = 0; i < 5; i++) {
      await run('for (;;);')
      await run('process.exit()')
      await run('backend.destroy(() => {}); for (;;);')
      await run('setImmediate(() => { for (;;); })')
      await run('')
    }
    expect(descriptors()).toEqual(count)
  })

  // A router that says "no such host" while connect(2) is still on: a soft error for SO_ERROR, ERR
  // alone for epoll, a copy in the error queue, and a socket in SYN_SENT.
  const setUp = `
    unshare -n sleep 10 </dev/null >/dev/null 2>&1 & router=$!
    ip link set lo up && ip link add v0 type veth peer name v1 &&
    while [ "$(readlink /proc/$router/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done &&
    ip link set v1 netns $router &&
    ip address add 10.9.0.1/24 dev v0 && ip link set v0 up && ip route add default via 10.9.0.2 &&
    nsenter -n -t $router sh -c '
      ip address add 10.9.0.2/24 dev v1 && ip link set v1 up &&
      echo 1 > /proc/sys/net/ipv4/ip_forward && ip route add unreachable 10.10.0.0/24' &&
    exec "$0" "$@"`
  const namespace = ['unshare', '-rn', 'sh', '-c', setUp]
  const canUnshare =
    spawnSync('unshare', [...namespace.slice(1), 'true'], { stdio: 'ignore' }).status === 0
  const why = canUnshare ? '' : ' (skipped: needs unshare -rn, nsenter and ip)'

  it.skipIf(!canUnshare)(`an ICMP error of the old life stays there${why}`, async () => {
    const { lines, stderr } = await runChild(
      `
      const { spawnSync } = require('node:child_process')
      const server = require('node:net').createServer(socket => socket.on('error', () => {}))
      let handle, onReady
      const ready = (tokens, readiness) => onReady(tokens[0], readiness[0])
      const backend = createBackend(ready, ready)
      const address = '10.10.0.7'
      server.listen(0, '0.0.0.0', () => {
        const { port } = server.address()
        const begin = token => {
          handle = backend.open(2, 1)
          backend.connect(handle, 2, address, port)
          backend.register(handle, token, 2)
        }
        begin(1)
        onReady = (token, readiness) => {
          // Not asked the second time, so that the soft error stays.
          const status = token === 2 ? '' : backend.finishConnect(handle)
          say(token + ' ' + readiness + ' ' + status)
          if (token === 1) {
            backend.close(handle, true)
            return begin(2)
          }
          if (token === 2) {
            // The address gets ours while the loop stands still.
            const { status, stderr } = spawnSync('ip', ['address', 'add', address, 'dev', 'lo'])
            if (status !== 0) say(String(stderr))
            const count = descriptors()
            backend.close(handle, true)
            handle = backend.open(2, 1)
            say('no error ' + backend.finishConnect(handle) + ' ' + backend.finishConnect(handle))
            backend.close(handle, true)
            begin(3)
            say('recycled ' + (descriptors() === count))
            return
          }
          backend.register(handle, 4, 1)
          setTimeout(() => { say('quiet'); process.exit() }, 50)
        }
      })
      `,
      { wrap: namespace },
    )
    expect({ lines, stderr }).toEqual({
      lines: [
        `1 ${ERROR} -${E.EHOSTUNREACH}`,
        `2 ${ERROR} `,
        // What a socket that never connected answers.
        `no error -${E.ENOTCONN} -${E.ENOTCONN}`,
        'recycled true',
        `3 ${WRITABLE} ${CONNECTED}`,
        'quiet',
      ],
      stderr: '',
    })
  })
})

/** `keep(count, then)`: connects so many, resets all in one call of the sink, and calls `then` there. */
const KEEPING_CHILD = (port: number) => `
  let kept = 0
  let then = () => {}
  const handles = new Map()
  const ready = (tokens, readiness, count) => {
    for (let i = 0; i < count; i++) backend.close(handles.get(tokens[i]), true)
    then()
  }
  const backend = createBackend(ready, ready)
  const before = descriptors()
  const keep = (count, callback) => {
    then = callback
    for (let i = 0; i < count; i++) {
      const handle = backend.open(2, 1)
      backend.connect(handle, 2, '127.0.0.1', ${port})
      handles.set(++kept, handle)
      backend.register(handle, kept, 2)
    }
  }
`
