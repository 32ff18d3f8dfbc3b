/** Conformance of `adopt()`: descriptors from elsewhere, in every state that they can be in. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { type ConnectError, Interest, type Reactor } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { addressOf, type Define, rejection, type Trial } from './trial.js'
import type { PeerKind } from './world.js'

export function defineAdoptTests(test: Define): void {
  const needs = { transport: 'tcp4', capability: 'kernelSockets' } as const

  test(
    'a connected socket: works on, under the address of its peer',
    async (t) => {
      const reactor = t.reactor()
      const endpoint = t.world.endpoint('echo')
      const first = await firstValueFrom(reactor.connect(endpoint))
      await first.send('one')
      const connection = await firstValueFrom(reactor.adopt(first.detach()))
      assert.deepEqual(
        [connection.endpoint, connection.peerAddress],
        [endpoint, addressOf(endpoint)],
      )
      await connection.send('two')
      let text = ''
      for await (const chunk of connection.chunks()) {
        text += chunk
        if (text.length === 6) break
      }
      assert.equal(text, 'onetwo')
      connection.reset()
    },
    needs,
  )

  test(
    'one that is still connecting: waited for, until the deadline',
    async (t) => {
      const reactor = t.reactor()
      const adopting = reactor.adopt(begun(t, reactor, 'silent'), { timeoutMs: 30 })
      const error = await rejection(firstValueFrom(adopting))
      const { code, timedOutBy, attempts } = error as ConnectError
      assert.deepEqual([code, timedOutBy, attempts], ['ETIMEDOUT', 'deadline', []])
    },
    needs,
  )

  test(
    'one whose connect ends while it is adopted: connected, or refused',
    async (t) => {
      const reactor = t.reactor()
      const descriptor = begun(t, reactor, 'echo')
      ;(await firstValueFrom(reactor.adopt(descriptor))).reset()
      const refused = reactor.adopt(begun(t, reactor, 'refused'))
      const error = (await rejection(firstValueFrom(refused))) as ConnectError
      assert.deepEqual([error.code, error.phase], ['ECONNREFUSED', 'connect'])
    },
    needs,
  )

  test(
    'one that has failed, and has not been asked: its error',
    async (t) => {
      const reactor = t.reactor()
      const socket = reactor.socket('inet')
      socket.connect(addressOf(t.world.endpoint('refused')))
      await firstValueFrom(reactor.readiness(socket, Interest.WRITABLE))
      const error = await rejection(firstValueFrom(reactor.adopt(socket.detach())))
      assert.equal((error as ConnectError).code, 'ECONNREFUSED')
    },
    needs,
  )

  test(
    'a datagram socket with an ICMP error pending: adopted all the same',
    async (t) => {
      const reactor = t.reactor()
      const socket = reactor.socket('inet', 'dgram')
      const refused = t.world.endpoint('refused', 'udp4')
      socket.connect(addressOf(refused))
      socket.send(Buffer.from('x'))
      await firstValueFrom(reactor.readiness(socket, Interest.READABLE))
      const connection = await firstValueFrom(reactor.adopt(socket.detach()))
      assert.deepEqual([connection.endpoint, connection.type], [refused, 'dgram'])
      await connection.close()
    },
    { transport: 'udp4', capability: 'kernelSockets' },
  )

  test(
    'closed, unless it is told with the phase local',
    async (t) => {
      const isOpen = (descriptor: number): boolean => {
        try {
          return fstatSync(descriptor).isSocket()
        } catch {
          return false
        }
      }
      const reactor = t.reactor()
      const given = (): number => reactor.socket('inet').detach()
      const told = async (descriptor: number, adopting: Reactor, signal?: AbortSignal) => {
        const { code, phase } = (await rejection(
          firstValueFrom(adopting.adopt(descriptor, { signal })),
        )) as ConnectError
        const left = isOpen(descriptor)
        if (left) closeSync(descriptor)
        return [code, phase, left]
      }
      assert.deepEqual(await told(given(), reactor), ['ENOTCONN', 'connect', false])
      const aborted = await told(given(), reactor, AbortSignal.abort())
      assert.deepEqual(aborted, ['ABORT_ERR', 'aborted', false])
      const other = t.reactor()
      await other.destroy()
      assert.deepEqual(await told(given(), other), ['ERR_REACTOR_DESTROYED', 'local', true])
    },
    { ...needs, realNetwork: true },
  )

  test(
    'twice: EBADF, and the connection is not harmed',
    async (t) => {
      const reactor = t.reactor()
      const first = await firstValueFrom(reactor.connect(t.world.endpoint('echo')))
      const adopting = reactor.adopt(first.detach())
      const connection = await firstValueFrom(adopting)
      const error = await rejection(firstValueFrom(adopting))
      assert.equal((error as ConnectError).code, 'EBADF')
      await connection.send('hello')
      assert.equal(String((await connection.chunks().next()).value), 'hello')
      connection.reset()
    },
    needs,
  )

  test(
    'no socket, a listening one, nothing at all: typed, local, and still the caller’s',
    async (t) => {
      const reactor = t.reactor()
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const listening = (server as unknown as { _handle: { fd: number } })._handle.fd
      const file = openSync('/dev/null', 'r')
      for (const [descriptor, code] of [
        [file, 'ENOTSOCK'],
        [listening, 'EINVAL'],
      ] as const) {
        const error = (await rejection(firstValueFrom(reactor.adopt(descriptor)))) as ConnectError
        assert.deepEqual([error.code, error.phase, error.localFault], [code, 'local', true])
        fstatSync(descriptor)
      }
      closeSync(file)
      const error = (await rejection(firstValueFrom(reactor.adopt(file)))) as ConnectError
      assert.deepEqual([error.code, error.phase, error.localFault], ['EBADF', 'local', true])
      server.close()
      await once(server, 'close')
    },
    { ...needs, realNetwork: true },
  )

  test('without the kernel’s sockets: ERR_UNSUPPORTED', async (t) => {
    const reactor = t.reactor()
    if (reactor.capabilities.kernelSockets) return
    const error = (await rejection(firstValueFrom(reactor.adopt(0)))) as ConnectError
    assert.deepEqual([error.code, error.phase], ['ERR_UNSUPPORTED', 'local'])
  })
}

/** The descriptor of a socket whose connect has just been called. */
function begun(t: Trial, reactor: Reactor, kind: PeerKind): number {
  const socket = reactor.socket('inet')
  assert.equal(socket.connect(addressOf(t.world.endpoint(kind))), 'EINPROGRESS')
  return socket.detach()
}
