/** Conformance of a loop that is held up for longer than a limit: what the kernel has by then beats the timer. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect as netConnect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TlsOptions as ServerOptions } from 'node:tls'
import type { ConnectError, Connection } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { certificates } from './certificates.js'
import { MAIN } from './child-programs.js'
import { type PeerElsewhere, peerElsewhere } from './peers-elsewhere.js'
import { programCommand, sendSignal } from './program-command.js'
import { blockLoop, turns } from './raw-backend.js'
import { type Peer, plainPeer, reactorOf, secured, tlsPeer } from './tls-peers.js'
import { bytes, MEBIBYTE } from './transfer-tools.js'
import { type Define, rejection, type Trial } from './trial.js'

const LIMIT_MS = 300
const HELD_MS = 800
/** What TLS has as one. */
const RECORD = 16_000

/** Prints what comes, or the error. */
const READING_PROGRAM = `${MAIN}
reactor.connect(endpoint, { idleTimeoutMs: ${LIMIT_MS} }).subscribe((connection) => {
  connection.received.subscribe({
    next(chunk) { console.log(String(chunk)); connection.reset() },
    error(error) { console.log(error.code) },
  })
  console.log('reading')
})
`

/** Its limit is for the peer's sake, who may have a busy machine too. */
const STOPPED_LIMIT_MS = 1_500

/** Makes a handshake in two ways with each peer, and prints how each went. The last argument is who has signed. */
const SECURING_PROGRAM = `${MAIN}
const [ca] = process.argv.slice(4)
const tls = { ca, servername: 'peer.test' }
const timeoutMs = ${STOPPED_LIMIT_MS}
const said = (what) => (result) => console.log(what, result.code ?? result.tls.protocol)
for (const port of endpoint.split(' ')) {
  const there = '127.0.0.1:' + port
  const done = (what) => (connection) => { said(what)(connection); connection.reset() }
  reactor.connect('tls://' + there, { tls, timeoutMs }).subscribe({ next: done('connect'), error: said('connect') })
  reactor.connect('tcp://' + there).subscribe((connection) => {
    connection.upgradeToTls({ ...tls, timeoutMs }).then(done('upgrade'), said('upgrade'))
  })
}
`

const overTcp = (t: Trial, { port }: PeerElsewhere): Promise<Connection> =>
  firstValueFrom(t.reactor().connect(`tcp://127.0.0.1:${port}`))
const insideTls = (t: Trial, peer: PeerElsewhere): Promise<Connection> =>
  secured(reactorOf(t), { ...peer, reset() {} })

const WAYS = [
  ['TCP', { transport: 'tcp4', realNetwork: true }, overTcp, () => undefined],
  ['TLS', { transport: 'tcp4', certificates: true }, insideTls, () => certificates().good],
] as const

/** What stands between: the parts that something sent goes on in, and how long each takes. */
type Pass = (data: Buffer) => { readonly parts: readonly Buffer[]; readonly eachMs: number }

/** Of TLS, answers the first data with a record; what it sends goes on as `pass` says. */
async function peerBehind(pass: Pass, options: ServerOptions = {}): Promise<Peer> {
  const inner = await tlsPeer((socket) => {
    socket.once('data', () => socket.write(bytes(RECORD)))
  }, options)
  const outer = await plainPeer((socket) => {
    const way = netConnect(inner.port, '127.0.0.1').on('error', () => {})
    socket.pipe(way)
    let before: Promise<unknown> = Promise.resolve()
    way.on('data', (data: Buffer) => {
      const { parts, eachMs } = pass(data)
      for (const part of parts) {
        before = before.then(() => sleep(eachMs)).then(() => socket.write(part))
      }
    })
  })
  return { ...outer, close: async () => void (await Promise.all([outer.close(), inner.close()])) }
}

/** Of TLS; keeps the first that comes until it is told to go on, which resolves once the answer is on its way back. */
async function pausingPeer(
  paused: (goOn: () => Promise<unknown>) => void,
  options: ServerOptions,
): Promise<Peer> {
  const inner = await tlsPeer((socket) => void socket.resume(), options)
  const outer = await plainPeer((socket) => {
    socket.once('data', (hello) => {
      socket.pause()
      paused(async () => {
        const way = netConnect(inner.port, '127.0.0.1').on('error', () => {})
        socket.once('close', () => way.destroy())
        way.write(hello)
        socket.pipe(way).pipe(socket)
        await once(way, 'data')
      })
    })
  })
  return { ...outer, close: async () => void (await Promise.all([outer.close(), inner.close()])) }
}

/** What is as long as that, or longer, goes on in eight parts, each of which takes a third of the limit. */
function tricklingPeer(least: number): Promise<Peer> {
  return peerBehind((data) => {
    if (data.length < least) return { parts: [data], eachMs: 0 }
    const size = Math.ceil(data.length / 8)
    const parts = Array.from({ length: 8 }, (_, i) => data.subarray(i * size, (i + 1) * size))
    return { parts, eachMs: LIMIT_MS / 3 }
  })
}

/** Takes half of that limit for the first of all its answers, and no time for the others. */
function tardyPeer(limitMs: number, options: ServerOptions): Promise<Peer> {
  let eachMs = limitMs / 2
  return peerBehind((data) => {
    const first = { parts: [data], eachMs }
    eachMs = 0
    return first
  }, options)
}

export function defineStallTests(test: Define): void {
  for (const [name, needs, connect, identity] of WAYS) {
    test(
      `${name}: what came while the loop was held up keeps the idle timeout away`,
      async (t) => {
        const peer = await peerElsewhere('echo', identity())
        const connection = await connect(t, peer)
        const reading = connection.chunks()
        const first = reading.next()
        await connection.send('one')
        await first
        connection.idleTimeout(LIMIT_MS)
        const second = reading.next()
        await connection.send('two')
        peer.holdUp(HELD_MS, () => peer.echoed === 6)
        assert.equal(String((await second).value), 'two')
        assert.equal(connection.closed, false)
        // And where nothing comes it is told as ever.
        const error = await rejection(reading.next())
        assert.equal((error as ConnectError).code, 'ERR_IDLE_TIMEOUT')
        await peer.close()
      },
      needs,
    )

    test(
      `${name}: a Duplex tells no timeout of what came while the loop was held up`,
      async (t) => {
        const peer = await peerElsewhere('echo', identity())
        const socket = (await connect(t, peer)).toDuplex()
        const heard: string[] = []
        socket.setTimeout(LIMIT_MS, () => heard.push('timeout'))
        socket.on('data', (data) => heard.push(String(data)))
        const answer = once(socket, 'data')
        socket.write('x')
        // For TLS; no longer, as the time runs.
        await turns(2)
        peer.holdUp(HELD_MS, () => peer.echoed === 1)
        await answer
        assert.equal(heard[0], 'x')
        socket.destroy()
        await once(socket, 'close')
        await peer.close()
      },
      needs,
    )

    test(
      `${name}: a pool's check that was answered while the loop was held up finds the connection fit`,
      async (t) => {
        const peer = await peerElsewhere('echo', identity())
        let checks = 0
        const check = async (connection: Connection): Promise<boolean> => {
          checks++
          await connection.send('x')
          await turns(2)
          peer.holdUp(HELD_MS, () => peer.echoed === 1)
          const chunks = connection.chunks()
          const { value } = await chunks.next()
          await chunks.return()
          return String(value) === 'x'
        }
        const uri = `${name === 'TLS' ? 'tls://peer.test' : 'tcp://127.0.0.1'}:${peer.port}`
        const tls = name === 'TLS' ? { ca: certificates().ca } : undefined
        const pool = reactorOf(t).pool(uri, { check, checkTimeoutMs: LIMIT_MS, tls })
        const ports: unknown[] = []
        for (let i = 0; i < 2; i++) {
          await pool.use((connection) => ports.push(connection.localAddress))
        }
        assert.deepEqual([checks, ports[1]], [1, ports[0]])
        await pool.close()
        await peer.close()
      },
      needs,
    )
  }

  test(
    'TLS: a record that comes in pieces is no silence',
    async (t) => {
      const peer = await tricklingPeer(RECORD)
      const connection = await secured(reactorOf(t), peer, { idleTimeoutMs: LIMIT_MS })
      const reading = connection.chunks()
      const first = reading.next()
      await connection.send('go')
      assert.equal(((await first).value as Buffer).length, RECORD)
      const error = await rejection(reading.next())
      assert.equal((error as ConnectError).code, 'ERR_IDLE_TIMEOUT')
      await peer.close()
    },
    { transport: 'tcp4', certificates: true },
  )

  test(
    'TLS: nor is it for a Duplex, in its handshake and after that',
    async (t) => {
      const peer = await tricklingPeer(500)
      const tls = { ca: certificates().ca }
      const socket = reactorOf(t).duplex(`tls://peer.test:${peer.port}`, { tls })
      const heard: unknown[] = []
      socket.setTimeout(LIMIT_MS, () => heard.push('timeout'))
      socket.on('secureConnect', () => heard.push('secure'))
      socket.on('data', (data: Buffer) => heard.push(data.length))
      socket.write('go')
      await once(socket, 'timeout')
      assert.deepEqual(heard, ['secure', RECORD, 'timeout'])
      socket.destroy()
      await once(socket, 'close')
      await peer.close()
    },
    { transport: 'tcp4', certificates: true },
  )

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(
      `${maxVersion}: a handshake that was answered while the loop was held up goes on`,
      async (t) => {
        const peer = await peerElsewhere('echo', { ...certificates().good, maxVersion })
        const connection = await overTcp(t, peer)
        const tls = { ca: certificates().ca, servername: 'peer.test' }
        const upgrading = connection.upgradeToTls({ ...tls, timeoutMs: LIMIT_MS })
        await turns()
        peer.holdUp(HELD_MS, () => peer.sent > 0)
        const inside = await upgrading
        assert.equal(inside.tls.protocol, maxVersion)
        await inside.close()
        await peer.close()
      },
      { transport: 'tcp4', certificates: true },
    )

    test(
      `${maxVersion}: a connect that was held up here for less than its limit has all of it for its handshake`,
      async (t) => {
        const limitMs = 1_000
        const peer = await tardyPeer(limitMs, { maxVersion })
        const connecting = secured(reactorOf(t), peer, { timeoutMs: limitMs })
        blockLoop(0.8 * limitMs)
        const connection = await connecting
        assert.equal(connection.tls.protocol, maxVersion)
        await connection.close()
        await peer.close()
      },
      { transport: 'tcp4', certificates: true },
    )

    // A little longer than the limit, and much.
    for (const heldMs of [LIMIT_MS + 1, HELD_MS]) {
      test(
        `${maxVersion}: a connect that was answered while the loop was held up for ${heldMs} ms has time for its handshake`,
        async (t) => {
          const peer = await peerElsewhere('echo', { ...certificates().good, maxVersion })
          const connecting = secured(reactorOf(t), { ...peer, reset() {} }, { timeoutMs: LIMIT_MS })
          peer.holdUp(heldMs)
          const connection = await connecting
          assert.equal(connection.tls.protocol, maxVersion)
          await connection.close()
          await peer.close()
        },
        { transport: 'tcp4', certificates: true },
      )
    }
  }

  test(
    'close({ timeoutMs }) waits on for a peer that took what it could while the loop was held up',
    async (t) => {
      const peer = await peerElsewhere('sink')
      const connection = await overTcp(t, peer)
      const size = 16 * MEBIBYTE
      const sending = connection.send(bytes(size))
      const closing = connection.close({ timeoutMs: LIMIT_MS })
      await turns(2)
      peer.holdUp(HELD_MS)
      await Promise.all([sending, closing])
      while (peer.received < size) await sleep(1)
      await peer.close()
    },
    { transport: 'tcp4', realNetwork: true },
  )

  test(
    'a process that was stopped reads what came meanwhile before it finds anything idle',
    async ({ subject }) => {
      const sockets: Socket[] = []
      const peer = await plainPeer((socket) => sockets.push(socket))
      const { directory, specifier, name } = subject.module
      const endpoint = `tcp://127.0.0.1:${peer.port}`
      const [command, ...args] = programCommand(READING_PROGRAM, [specifier, name, endpoint])
      const child = spawn(command, args, {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const said: string[] = []
      child.stdout.setEncoding('utf8').on('data', (text) => said.push(text.trim()))
      await once(child.stdout, 'data')
      sendSignal(child, 'SIGSTOP')
      // Connected it is: it has said that it reads.
      while (sockets[0] === undefined) await turns(1)
      sockets[0].write('tick')
      await sleep(HELD_MS)
      sendSignal(child, 'SIGCONT')
      await once(child, 'close')
      assert.deepEqual(said, ['reading', 'tick'])
      await peer.close()
    },
    { transport: 'tcp4', realNetwork: true, timeoutMs: 60_000 },
  )

  test(
    'a process that was stopped in its handshakes goes on with what came meanwhile',
    async ({ subject }) => {
      const versions = ['TLSv1.2', 'TLSv1.3'] as const
      const hellos: (() => Promise<unknown>)[] = []
      const peers = await Promise.all(
        versions.map((maxVersion) => pausingPeer((goOn) => hellos.push(goOn), { maxVersion })),
      )
      const { directory, specifier, name } = subject.module
      const ports = peers.map(({ port }) => port).join(' ')
      const given = [specifier, name, ports, certificates().ca]
      const [command, ...args] = programCommand(SECURING_PROGRAM, given)
      const child = spawn(command, args, {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text
      })
      while (hellos.length < 4 && child.exitCode === null) await turns(1)
      sendSignal(child, 'SIGSTOP')
      // All have their answer, and after that their time goes by.
      await Promise.all(hellos.map((goOn) => goOn()))
      await sleep(2 * STOPPED_LIMIT_MS)
      sendSignal(child, 'SIGCONT')
      await once(child, 'close')
      const expected = versions.flatMap((version) => [`connect ${version}`, `upgrade ${version}`])
      assert.deepEqual(said.trim().split('\n').sort(), expected.sort())
      await Promise.all(peers.map((peer) => peer.close()))
    },
    { transport: 'tcp4', realNetwork: true, certificates: true, timeoutMs: 60_000 },
  )
}
