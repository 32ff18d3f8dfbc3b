/** Rows of the table: properties and methods of a `net.Socket`. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Row } from './socket-sides.js'

const ALL = ['tcp', 'unix', 'tls'] as const
const PLAIN = ['tcp', 'unix'] as const

/** All that is there to be read, but for this side's port, which differs. */
function facts(socket: Socket): Record<string, unknown> {
  const { localPort, remotePort } = socket
  return {
    connecting: socket.connecting,
    pending: socket.pending,
    readyState: socket.readyState,
    destroyed: socket.destroyed,
    closed: socket.closed,
    errored: (socket.errored as NodeJS.ErrnoException | null)?.code,
    bytesRead: socket.bytesRead,
    bytesWritten: socket.bytesWritten,
    bufferSize: socket.bufferSize,
    writableLength: socket.writableLength,
    readableLength: socket.readableLength,
    writableHighWaterMark: socket.writableHighWaterMark,
    readableHighWaterMark: socket.readableHighWaterMark,
    writableNeedDrain: socket.writableNeedDrain,
    writableObjectMode: socket.writableObjectMode,
    readableObjectMode: socket.readableObjectMode,
    allowHalfOpen: socket.allowHalfOpen,
    readable: socket.readable,
    writable: socket.writable,
    writableEnded: socket.writableEnded,
    readableFlowing: socket.readableFlowing,
    remoteAddress: socket.remoteAddress,
    remoteFamily: socket.remoteFamily,
    remotePort: typeof remotePort,
    localAddress: socket.localAddress,
    localFamily: socket.localFamily,
    localPort: typeof localPort,
    address: Object.keys(socket.address()).sort(),
    timeout: socket.timeout,
    attempted: socket.autoSelectFamilyAttemptedAddresses,
    encrypted: Boolean((socket as { encrypted?: unknown }).encrypted),
    _host: (socket as { _host?: unknown })._host,
  }
}

export const SOCKET_FACE_ROWS: readonly Row[] = [
  {
    what: 'properties while it connects, connected, ended, closed',
    on: ALL,
    async play(scene) {
      const socket = scene.open()
      scene.note('at first', facts(socket))
      await once(socket, 'connect')
      scene.note('connected', facts(socket))
      if (scene.transport === 'tls') await once(socket, 'secureConnect')
      socket.write('twelve bytes')
      scene.note('written', socket.bytesWritten)
      socket.end()
      scene.note('ended', socket.readyState, socket.writable, socket.writableEnded)
      await once(socket, 'close')
      const { remoteAddress: _, remoteFamily: __, remotePort: ___, ...rest } = facts(socket)
      scene.note('closed', rest)
    },
  },
  {
    what: 'properties of one that was destroyed while it connects, and once connected',
    on: PLAIN,
    async play(scene) {
      const early = scene.open()
      early.write('abc')
      early.destroy()
      scene.note('early', facts(early))
      await once(early, 'close')
      scene.note('early, closed', facts(early))
      const late = scene.open()
      await once(late, 'connect')
      late.write('abc')
      late.destroy()
      const { remoteAddress: _, remoteFamily: __, remotePort: ___, ...rest } = facts(late)
      scene.note('late', rest)
      await once(late, 'close')
      scene.note('late, closed', late.bytesWritten, late.pending, late.bufferSize)
    },
  },
  {
    what: 'remoteAddress of what is closed, if nobody has asked before',
    async play(scene) {
      const socket = scene.open()
      await once(socket, 'ready')
      socket.destroy()
      scene.note(socket.remoteAddress, socket.localAddress)
    },
    differs: {
      why: 'it stays, also where nobody has asked before',
      seen: [
        ['connectionAttempt', '127.0.0.1', 'PORT', 4],
        ...['connect', 'ready', ['127.0.0.1', undefined]],
      ],
    },
  },
  {
    what: 'addresses tried stand in autoSelectFamilyAttemptedAddresses',
    async play(scene) {
      const socket = scene.open({ name: ['127.0.0.1', '127.0.0.2'] })
      await once(socket, 'connect')
      const tried = socket.autoSelectFamilyAttemptedAddresses
      scene.note(tried?.map((one) => one.replace(/:\d+$/, '')))
    },
  },
  {
    what: 'methods that answer the socket itself',
    on: ALL,
    async play(scene) {
      const socket = scene.open()
      const chained: readonly (() => unknown)[] = [
        () => socket.setTimeout(0),
        () => socket.setNoDelay(),
        () => socket.setNoDelay(false),
        () => socket.setKeepAlive(true, 1_000),
        () => socket.setKeepAlive(true, 40_000_000),
        () => socket.setKeepAlive(),
        () => socket.ref(),
        () => socket.unref(),
        () => socket.ref(),
        () => socket.pause(),
        () => socket.resume(),
        () => socket.setEncoding('latin1'),
        () => socket.cork(),
        () => socket.uncork(),
      ]
      for (const act of chained) scene.tried(act)
      await once(socket, scene.transport === 'tls' ? 'secureConnect' : 'connect')
      for (const act of chained) scene.tried(act)
      scene.tried(() => socket.end())
      await once(socket, 'close')
      for (const act of chained) scene.tried(act)
      scene.tried(() => socket.destroy())
      scene.tried(() => socket.destroySoon())
    },
  },
  {
    what: 'setTimeout() checks its arguments',
    on: PLAIN,
    async play(scene) {
      const socket = scene.open()
      // Node's own warns of a time that its timers can't hold, and takes the longest that they can. Ours holds it.
      const { emitWarning } = process
      process.emitWarning = () => {}
      for (const ms of ['100', null, undefined, {}, true, -1, NaN, Infinity, 2 ** 40, 5, 0.5, 0]) {
        scene.note(String(ms))
        scene.tried(() => socket.setTimeout(ms as number))
        scene.note(socket.timeout)
      }
      process.emitWarning = emitWarning
      for (const listener of ['x', null, {}]) {
        scene.tried(() => socket.setTimeout(50_000, listener as never))
        scene.tried(() => socket.setTimeout(0, listener as never))
      }
      const listener = (): void => {}
      socket.setTimeout(50_000, listener)
      scene.note('listeners', socket.listenerCount('timeout'))
      socket.setTimeout(0, listener)
      scene.note('listeners', socket.listenerCount('timeout'))
      socket.destroy()
      scene.tried(() => socket.setTimeout('100' as never))
      scene.note(socket.timeout)
      await once(socket, 'close')
    },
  },
  {
    what: 'bytesWritten counts each byte once: corked, in pieces, while it waits, sent, destroyed',
    on: PLAIN,
    peer: () => {},
    async play(scene) {
      const socket = scene.open()
      const note = (when: string): void => scene.note(when, socket.bytesWritten)
      socket.write('before')
      note('before')
      await once(socket, 'connect')
      note('connected')
      socket.cork()
      for (let i = 0; i < 5; i++) socket.write('äöü')
      note('corked')
      await new Promise<void>((resolve) => {
        socket.write('last', () => resolve())
        socket.uncork()
        note('uncorked')
      })
      note('out')
      const big = Buffer.alloc(2 ** 24)
      socket.write(big)
      note('more than fits')
      socket.write('behind it')
      note('more behind it')
      socket.cork()
      for (let i = 0; i < 40; i++) socket.write(big.subarray(0, 2 ** 16))
      socket.uncork()
      note('corked behind it')
      await new Promise((resolve) => setImmediate(resolve))
      note('a turn later')
    },
  },
  {
    what: 'end() in all its forms',
    on: PLAIN,
    async play(scene) {
      const forms: readonly ((socket: Socket) => unknown)[] = [
        (socket) => socket.end(),
        (socket) => socket.end('x'),
        (socket) => socket.end(() => scene.note('told')),
        (socket) => socket.end('x', () => scene.note('told')),
        (socket) => socket.end('ff', 'hex', () => scene.note('told')),
        (socket) => socket.end(new Uint8Array(3)),
        (socket) => socket.end('x').end(() => scene.note('told')),
      ]
      for (const form of forms) {
        const socket = scene.open()
        await once(socket, 'ready')
        form(socket)
        await once(socket, 'close')
        scene.note(socket.bytesWritten)
      }
    },
  },
  {
    what: 'what is no data is thrown or told as on any stream',
    async play(scene) {
      const socket = scene.open()
      for (const chunk of [null, undefined, 7, {}, []])
        scene.tried(() => socket.write(chunk as never))
      scene.tried(() => socket.write('x', 'nonsense' as never))
      scene.tried(() => socket.write(''))
      scene.tried(() => socket.write(new Uint8Array(2)))
      await once(socket, 'connect')
      scene.note(socket.bytesWritten)
    },
  },
  {
    what: 'pause() and resume(): what was paused before it connects stays so',
    peer: (socket) => void socket.end('hello'),
    async play(scene) {
      const socket = scene.open()
      socket.pause()
      socket.on('data', (data) => scene.note(String(data)))
      await once(socket, 'connect')
      scene.note(socket.isPaused(), socket.readableFlowing)
      socket.resume()
      await once(socket, 'close')
      scene.note(socket.bytesRead)
    },
  },
  {
    what: 'options that streams know and sockets refuse',
    async play(scene) {
      for (const option of ['objectMode', 'readableObjectMode', 'writableObjectMode']) {
        scene.tried(() => void scene.open({ [option]: true } as object))
      }
    },
    differs: {
      why: 'whatever is no option is refused, as a TypeError without a code',
      seen: [
        ['thrown', 'TypeError'],
        ['thrown', 'TypeError'],
        ['thrown', 'TypeError'],
      ],
    },
  },
]
