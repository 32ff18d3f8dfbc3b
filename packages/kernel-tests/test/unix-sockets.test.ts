/** What only the kernel's own unix sockets can show: empty packets, names that are no text, files that a connect leaves. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isNativeBackendAvailable, nativeBackend } from '@pollout/backend-native'
import {
  createReactor,
  type Endpoint,
  formatEndpoint,
  Interest,
  parseEndpoint,
  type Reactor,
  unix,
  unixgram,
  unixpacket,
} from '@pollout/core'
import { firstValueFrom, map, toArray } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'

const HAS_PYTHON = spawnSync('python3', ['-c', '']).status === 0

describe.skipIf(!isNativeBackendAvailable().available)('unix sockets', () => {
  let folder: string
  let reactor: Reactor

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pollout-unix-'))
    reactor = createReactor({ backend: nativeBackend() })
  })
  afterEach(async () => {
    expect(reactor.stats().open).toBe(0)
    await reactor.destroy()
    rmSync(folder, { recursive: true })
  })

  const connected = (to: Endpoint | string, options = {}) =>
    firstValueFrom(reactor.connect(to, options))

  describe.skipIf(!HAS_PYTHON)('packets', () => {
    let child: ChildProcess | undefined
    afterEach(() => void child?.kill())

    /** A peer that sends these and ends. */
    async function sender(packets: readonly string[]): Promise<Endpoint> {
      const path = join(folder, 'packets')
      child = spawn('python3', ['-c', SENDER, path, ...packets])
      await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')
      return unixpacket(path)
    }

    it.each([[['', 'a', '', '', 'b', '']], [['']], [['last']], [[]]])(
      '%j and then the end',
      async (packets) => {
        const connection = await connected(await sender(packets))
        const read: string[] = []
        for await (const chunk of connection) read.push(chunk.toString())
        expect([read, connection.peerEnded]).toEqual([packets, true])
        await connection.close()
      },
    )

    it('an empty one is told by observables too, and by a socket with 0', async () => {
      const endpoint = await sender(['', 'a'])
      const connection = await connected(endpoint)
      const read = await firstValueFrom(connection.received.pipe(map(String), toArray()))
      expect(read).toEqual(['', 'a'])
      connection.reset()
      using socket = reactor.socket('unix', 'seqpacket')
      if (!('path' in endpoint)) throw new Error('it has a path')
      expect(socket.connect({ family: 'unix', path: endpoint.path })).toBe('OK')
      await firstValueFrom(reactor.readiness(socket, Interest.READABLE))
      expect(socket.receive(new Uint8Array(9))).toBe(0)
    })
  })

  describe('names', () => {
    const NAMES = ['\0pollout\0\0x', '\0pollout\udcff', '\0\udce9\0é', '\0pollout-é']

    it.each(NAMES)('an abstract one is told as it was given: %j', async (name) => {
      using peer = reactor.socket('unix', 'dgram')
      expect(peer.bind({ family: 'unix', path: name })).toBe('OK')
      expect(peer.localAddress).toEqual({ family: 'unix', path: name })
      const endpoint = unixgram(name)
      expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint)
      const connection = await connected(formatEndpoint(endpoint), { localAddress: '' })
      expect(connection.peerAddress).toEqual({ family: 'unix', path: name })
      await connection.send('x')
      expect(peer.receive(new Uint8Array(9))).toBe(1)
      // A descriptor says who its peer is, and nothing else is known.
      const adopted = await firstValueFrom(reactor.adopt(connection.detach()))
      expect(adopted.peerAddress).toEqual({ family: 'unix', path: name })
      expect(adopted.endpoint).toEqual(endpoint)
      adopted.reset()
    })

    it('a file that is not UTF-8 is bound, connected to and told byte by byte', async () => {
      const path = join(folder, 'caf\udce9')
      using peer = reactor.socket('unix', 'dgram')
      expect(peer.bind({ family: 'unix', path })).toBe('OK')
      expect(readdirSync(Buffer.from(folder), { encoding: 'buffer' })).toEqual([
        Buffer.from('caf\xe9', 'latin1'),
      ])
      const connection = await connected(unixgram(path))
      const adopted = await firstValueFrom(reactor.adopt(connection.detach()))
      expect(adopted.peerAddress).toEqual({ family: 'unix', path })
      adopted.reset()
    })
  })

  describe('the file of a local path', () => {
    async function listening(): Promise<Endpoint & { [Symbol.asyncDispose](): Promise<void> }> {
      const path = join(folder, 'server')
      const server = createServer((socket) => socket.on('error', () => {}).resume())
      server.listen(path)
      await once(server, 'listening')
      return {
        ...unix(path),
        async [Symbol.asyncDispose]() {
          server.close()
          await once(server, 'close')
        },
      }
    }

    it('goes with its connection, so that the next one can have it', async () => {
      await using server = await listening()
      const localAddress = join(folder, 'here')
      for (const end of ['close', 'reset'] as const) {
        const connection = await connected(server, { localAddress })
        expect(connection.localAddress).toEqual({ family: 'unix', path: localAddress })
        expect(lstatSync(localAddress).isSocket()).toBe(true)
        await connection[end]()
        expect(existsSync(localAddress)).toBe(false)
      }
      const outcome = await firstValueFrom(
        reactor.connectMany([server], { localAddress, onConnected: 'reset' }),
      )
      expect([outcome.kind, existsSync(localAddress)]).toEqual(['connected', false])
    })

    it('goes where the connect fails', async () => {
      const localAddress = join(folder, 'here')
      const refused = connected(unix(join(folder, 'nobody')), { localAddress })
      await expect(refused).rejects.toMatchObject({ code: 'ENOENT' })
      expect(existsSync(localAddress)).toBe(false)
    })

    it('goes with the reactor', async () => {
      await using server = await listening()
      const localAddress = join(folder, 'here')
      const other = createReactor({ backend: nativeBackend() })
      await firstValueFrom(other.connect(server, { localAddress }))
      await other.destroy()
      expect(existsSync(localAddress)).toBe(false)
    })

    it.each(['attempt', 'connected', 'error'])(
      'goes with a reactor that is destroyed by a subscriber of pollout:connect:%s',
      async (event) => {
        await using server = await listening()
        const localAddress = join(folder, 'here')
        const other = createReactor({ backend: nativeBackend() })
        let destroyed: Promise<void> | undefined
        const destroy = (): void => {
          destroyed ??= other.destroy()
        }
        subscribe(`pollout:connect:${event}`, destroy)
        onTestFinished(() => void unsubscribe(`pollout:connect:${event}`, destroy))
        const to = event === 'error' ? unix(join(folder, 'nobody')) : server
        const connect = firstValueFrom(other.connect(to, { localAddress }))
        const code = event === 'error' ? 'ENOENT' : 'ERR_REACTOR_DESTROYED'
        await expect(connect).rejects.toMatchObject({ code })
        await destroyed
        expect(existsSync(localAddress)).toBe(false)
      },
    )

    it('stays where somebody else has put his in its place', async () => {
      await using server = await listening()
      const localAddress = join(folder, 'here')
      const connection = await connected(server, { localAddress })
      rmSync(localAddress)
      writeFileSync(localAddress, 'mine')
      connection.reset()
      expect(existsSync(localAddress)).toBe(true)
    })

    it('stays where it was there before, and where the socket is given away', async () => {
      await using server = await listening()
      const localAddress = join(folder, 'here')
      const connection = await connected(server, { localAddress })
      const taken = connected(server, { localAddress })
      await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' })
      expect(existsSync(localAddress)).toBe(true)
      const adopted = await firstValueFrom(reactor.adopt(connection.detach()))
      adopted.reset()
      expect(existsSync(localAddress)).toBe(true)
    })
  })
})

const SENDER = `
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(sys.argv[1])
server.listen()
print('listening', flush=True)
while True:
    peer, _ = server.accept()
    for packet in sys.argv[2:]:
        peer.send(packet.encode())
    peer.close()
`
