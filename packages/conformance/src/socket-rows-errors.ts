/** Rows of the table: how a `net.Socket` fails, who is told of it, and in which order. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Row, Scene } from './socket-sides.js'

const PLAIN = ['tcp', 'unix'] as const

/** Its event: what the property says is true before. */
function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('close', resolve))
}

function write(scene: Scene, socket: Socket, data: string | Buffer, name = 'written'): void {
  socket.write(data, (error) => scene.note(name, error))
}

/** Connected, its peer takes nothing, and two writes wait; what has happened so far is not noted. */
async function stuck(scene: Scene): Promise<Socket> {
  const socket = scene.open()
  await once(socket, 'ready')
  write(scene, socket, MORE_THAN_FITS, 'first')
  write(scene, socket, 'x', 'second')
  scene.seen.length = 0
  return socket
}

const REFUSED = 'ECONNREFUSED connect 127.0.0.1 1'

const MORE_THAN_FITS = Buffer.alloc(2 ** 25)

export const SOCKET_ERROR_ROWS: readonly Row[] = [
  {
    what: 'nobody listens',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open({ nobody: true })
      await closed(socket)
      scene.note(socket.connecting, socket.pending, socket.readyState, socket.destroyed)
    },
  },
  {
    what: 'nobody listens, and there are writes that wait',
    async play(scene) {
      const socket = scene.open({ nobody: true })
      for (const name of ['first', 'second']) write(scene, socket, 'x', name)
      await closed(socket)
    },
    differs: {
      why: 'every write is told what error is; there the first one has a code of its own',
      seen: [
        ['connectionAttempt', '127.0.0.1', 1, 4],
        ['connectionAttemptFailed', '127.0.0.1', 1, 4, REFUSED],
        ['error', REFUSED],
        ['close', true],
        ['first', REFUSED],
        ['second', REFUSED],
      ],
    },
  },
  {
    what: 'a name that is not there',
    async play(scene) {
      await closed(scene.open({ name: { fails: 'ENOTFOUND' } }))
    },
  },
  {
    what: 'a name with several addresses, of which none answers',
    async play(scene) {
      await closed(scene.open({ nobody: true, name: ['127.0.0.1', '127.0.0.2'] }))
    },
    differs: {
      why: 'one ConnectError, of the attempt that tells most, with all in its `attempts`; there an AggregateError with the code of the first',
      seen: [
        ['lookup', null, '127.0.0.1', 4, 'peer.test'],
        ['lookup', null, '127.0.0.2', 4, 'peer.test'],
        ['connectionAttempt', '127.0.0.1', 1, 4],
        ['connectionAttemptFailed', '127.0.0.1', 1, 4, REFUSED],
        ['connectionAttempt', '127.0.0.2', 1, 4],
        [...['connectionAttemptFailed', '127.0.0.2', 1, 4], 'ECONNREFUSED connect 127.0.0.2 1'],
        ['error', REFUSED],
        ['close', true],
      ],
    },
  },
  {
    what: 'a local address that is not of this machine',
    tellsBind: true,
    async play(scene) {
      await closed(scene.open({ localAddress: '192.0.2.77' }))
    },
  },
  {
    what: 'a local port and an address that is not of this machine',
    tellsBind: true,
    async play(scene) {
      await closed(scene.open({ localAddress: '192.0.2.77', localPort: 40_123 }))
    },
  },
  {
    what: 'destroyed while it connects, with writes that wait',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open()
      for (const name of ['first', 'second', 'third']) write(scene, socket, 'x', name)
      socket.destroy()
      scene.note('destroy() is done')
      await closed(socket)
    },
  },
  {
    what: 'destroyed for a reason while it connects, with writes that wait',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open()
      for (const name of ['first', 'second']) write(scene, socket, 'x', name)
      socket.destroy(new Error('mine'))
      scene.note('destroy() is done')
      await closed(socket)
    },
    differs: {
      why: 'every write is told what error is; there the first one has a code of its own',
      seen: [
        'destroy() is done',
        ...[
          ['error', 'Error'],
          ['close', true],
        ],
        ...[
          ['first', 'Error'],
          ['second', 'Error'],
        ],
      ],
    },
  },
  {
    what: 'destroyed once connected, with writes that wait',
    on: PLAIN,
    peer: (socket) => void socket.pause(),
    async play(scene) {
      const socket = await stuck(scene)
      socket.destroy()
      scene.note('destroy() is done')
      await closed(socket)
    },
    differs: {
      why: 'no write is told that it is sent where it is not; there the first one is',
      seen: [
        'destroy() is done',
        ['close', false],
        ['first', 'ERR_STREAM_DESTROYED'],
        ['second', 'ERR_STREAM_DESTROYED'],
      ],
    },
  },
  {
    what: 'destroyed for a reason once connected, with writes that wait',
    on: PLAIN,
    peer: (socket) => void socket.pause(),
    async play(scene) {
      const socket = await stuck(scene)
      socket.destroy(new Error('mine'))
      scene.note('destroy() is done')
      await closed(socket)
    },
    differs: {
      why: 'no write is told that it is sent where it is not; there the first one is',
      seen: [
        'destroy() is done',
        ...[
          ['error', 'Error'],
          ['first', 'Error'],
          ['second', 'Error'],
        ],
        ['close', true],
      ],
    },
  },
  {
    what: 'end() that waits for the connect, and destroy()',
    on: PLAIN,
    async play(scene) {
      const told = (error?: Error): void => scene.note('end() told', error)
      for (const isEmpty of [true, false]) {
        const socket = scene.open()
        if (isEmpty) socket.end(told)
        else socket.end('x', told)
        socket.destroy()
        scene.note('destroy() is done')
        await closed(socket)
      }
    },
  },
  {
    what: 'the peer resets',
    peer: (socket) => void socket.once('data', () => socket.resetAndDestroy()),
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      socket.write('x')
      await closed(socket)
    },
  },
  {
    what: 'the peer resets while writes wait: each is told the same as error is',
    peer: (socket) => void socket.once('readable', () => socket.resetAndDestroy()),
    async play(scene) {
      const socket = scene.open()
      const told = new Set<unknown>()
      socket.on('error', (error) => told.add(error))
      await once(socket, 'ready')
      socket.write(MORE_THAN_FITS, (error) => told.add(error))
      socket.write('x', (error) => told.add(error))
      await closed(socket)
      // Whether ECONNRESET or EPIPE is the kernel's choice.
      scene.seen.length = 0
      scene.note(told.size)
    },
    differs: {
      why: 'there the first write may be told that it is sent',
      byChance: true,
      seen: [1],
    },
  },
  {
    what: 'a write after the peer has ended, and this side with it',
    on: PLAIN,
    peer: (socket) => void socket.end().resume(),
    async play(scene) {
      const socket = scene.open().resume()
      await once(socket, 'finish')
      write(scene, socket, 'too late')
      scene.note('write() is done')
      await closed(socket)
      await new Promise((resolve) => setImmediate(resolve))
    },
  },
  {
    what: 'a write by a listener of end is sent',
    on: PLAIN,
    peer: (socket) => void socket.end().resume(),
    async play(scene) {
      const socket = scene.open().resume()
      socket.on('end', () => write(scene, socket, 'in time'))
      await closed(socket)
    },
  },
  {
    what: 'a write after end(), after destroy(), after close',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      socket.end()
      write(scene, socket, 'after end()')
      scene.note('write() is done')
      await closed(socket)
      write(scene, socket, 'after close')
      await new Promise((resolve) => setImmediate(resolve))
      const other = scene.open()
      await once(other, 'ready')
      other.destroy()
      write(scene, other, 'after destroy()')
      scene.note('write() is done')
      await closed(other)
    },
  },
  {
    what: 'resetAndDestroy() of one that is connected, that connects, that is destroyed',
    async play(scene) {
      const connected = scene.open()
      await once(connected, 'ready')
      scene.tried(() => connected.resetAndDestroy())
      scene.note(connected.destroyed)
      await closed(connected)
      scene.tried(() => connected.resetAndDestroy())
      await new Promise((resolve) => setImmediate(resolve))
      const connecting = scene.open()
      scene.tried(() => connecting.resetAndDestroy())
      scene.note(connecting.destroyed)
      await closed(connecting)
    },
  },
  {
    what: 'resetAndDestroy() of a unix socket',
    on: ['unix'],
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      scene.tried(() => socket.resetAndDestroy())
    },
    differs: {
      why: 'it is closed, as a unix socket has no reset',
      seen: ['connect', 'ready', 'itself'],
    },
  },
  {
    what: 'connect() again, on what was closed',
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      socket.destroy()
      await closed(socket)
      scene.tried(() => socket.connect({ port: 1, host: '127.0.0.1' }))
      if (socket.connecting) await closed(socket)
    },
    differs: {
      why: 'where to, and how, was said when it was made: make another',
      seen: [
        ...[['connectionAttempt', '127.0.0.1', 'PORT', 4], 'connect', 'ready'],
        ...[
          ['close', false],
          ['thrown', 'ERR_CONNECTION_CLOSED connect'],
        ],
      ],
    },
  },
]
