/** Rows of the table: the events of a `net.Socket`, and their order. */
import { once } from 'node:events'
import type { Row } from './socket-sides.js'

const ALL = ['tcp', 'unix', 'tls'] as const
const PLAIN = ['tcp', 'unix'] as const

export const SOCKET_EVENT_ROWS: readonly Row[] = [
  {
    what: 'connects, talks, is ended from here',
    on: ALL,
    async play(scene) {
      const socket = scene.open()
      socket.on('data', () => {})
      socket.end('hello', () => scene.note('end() told'))
      await once(socket, 'close')
    },
  },
  {
    what: 'the peer ends',
    on: ALL,
    peer: (socket) => void socket.end('bye'),
    async play(scene) {
      const socket = scene.open()
      socket.on('data', (data) => scene.note(String(data)))
      await once(socket, 'close')
    },
  },
  {
    what: 'the peer ends, nobody reads',
    on: PLAIN,
    peer: (socket) => void socket.end(),
    async play(scene) {
      await once(scene.open(), 'close')
    },
  },
  {
    what: 'the peer ends, this side goes on: allowHalfOpen',
    on: PLAIN,
    peer: (socket) => void socket.end('bye').resume(),
    async play(scene) {
      const socket = scene.open({ allowHalfOpen: true }).resume()
      await once(socket, 'end')
      await new Promise((resolve) => setImmediate(resolve))
      scene.note(socket.readyState, socket.writable)
      socket.write('still here', (error) => scene.note('written', error))
      socket.end()
      await once(socket, 'close')
    },
  },
  {
    what: 'a name with one address',
    on: ['tcp', 'tls'],
    async play(scene) {
      const socket = scene.open({ name: ['127.0.0.1'] })
      await once(socket, scene.transport === 'tls' ? 'secureConnect' : 'ready')
      socket.end().resume()
      await once(socket, 'close')
    },
  },
  {
    what: 'end() before the handshake is over',
    on: ['tls'],
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      socket.end().resume()
      await once(socket, 'close')
    },
    differs: {
      why: 'nothing is finished before it can have been sent',
      seen: [
        ['connectionAttempt', '127.0.0.1', 'PORT', 4],
        ...['connect', 'ready', 'secureConnect', 'finish', 'end', ['close', false]],
      ],
    },
  },
  {
    what: 'a name with several addresses, of which the first refuses',
    async play(scene) {
      const socket = scene.open({ name: ['127.0.0.2', '127.0.0.1'] })
      await once(socket, 'ready')
      scene.note(socket.remoteAddress)
      socket.end().resume()
      await once(socket, 'close')
    },
  },
  {
    what: 'a name that is told twice the same address',
    async play(scene) {
      const socket = scene.open({ name: ['127.0.0.1', '127.0.0.1'] })
      await once(socket, 'ready')
      socket.destroy()
      await once(socket, 'close')
    },
  },
  {
    // Not of connectionAttempt: Node's own then throws out of its internals.
    what: 'destroyed by a listener of lookup, of connect, of ready',
    async play(scene) {
      for (const event of ['lookup', 'connect', 'ready']) {
        scene.note('in', event)
        const socket = scene.open({ name: ['127.0.0.1'] })
        socket.once(event, () => socket.destroy())
        await once(socket, 'close')
      }
    },
  },
  {
    what: 'destroyed at once: no event but the close',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open()
      socket.destroy()
      scene.note('destroy() is done')
      await once(socket, 'close')
    },
  },
  {
    what: 'a listener of connect writes, and ends',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open().resume()
      socket.write('early')
      socket.on('connect', () => {
        socket.write('late', () => scene.note('late is written'))
        socket.end()
      })
      await once(socket, 'close')
      scene.note(socket.bytesWritten)
    },
  },
  {
    what: 'drain comes when all that was written is out',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      // How much the kernel takes at once is its own affair.
      while (socket.write(Buffer.alloc(2 ** 20)));
      scene.note(socket.writableNeedDrain)
      await once(socket, 'drain')
      scene.note(socket.writableLength, socket.writableNeedDrain, socket.bufferSize)
    },
  },
  {
    what: 'destroySoon() lets out what was written',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      socket.write(Buffer.alloc(2 ** 20), () => scene.note('written'))
      socket.destroySoon()
      await once(socket, 'close')
      scene.note(socket.bytesWritten)
    },
  },
  {
    what: 'close comes behind the immediates and ticks that error has led to',
    async play(scene) {
      const socket = scene.open({ nobody: true })
      socket.on('error', () => {
        process.nextTick(() => scene.note('a tick'))
        setImmediate(() => scene.note('an immediate'))
      })
      await once(socket, 'close').catch(() => once(socket, 'close'))
    },
  },
  {
    what: 'an idle timeout is told once, and changes nothing',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      const setAt = performance.now()
      socket.setTimeout(40, () => scene.note('told', performance.now() - setAt >= 38))
      await once(socket, 'timeout')
      scene.note(socket.timeout, socket.destroyed, socket.listenerCount('timeout'))
      const wroteAt = performance.now()
      socket.write('x')
      await once(socket, 'timeout')
      scene.note('again', performance.now() - wroteAt >= 38)
    },
  },
]
