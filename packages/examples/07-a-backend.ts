/** A backend in one file: sockets that live in memory, and a peer that accepts everyone and echoes. */
import {
  type BackendFactory,
  createReactor,
  errno,
  type Handle,
  Interest,
  type SocketAddress,
} from '@pollout/core'
import { firstValueFrom } from 'rxjs'

interface MemorySocket {
  peer?: SocketAddress
  echoed: Buffer
  interest: number
  /** Of the armed registration; 0 where there is none. */
  token: number
}

const memoryBackend: BackendFactory = (sink) => {
  const sockets = new Map<number, MemorySocket>()
  let lastHandle = 0
  let turn: NodeJS.Immediate | undefined

  /** What poll(2) would report of a socket now: always writable, readable when something was echoed. */
  const readiness = ({ echoed, interest }: MemorySocket): number =>
    (Interest.WRITABLE | (echoed.length > 0 ? Interest.READABLE : 0)) & interest

  /** One batch of all that is armed and ready. A registration is one shot. */
  function poll(): void {
    turn = undefined
    const due = [...sockets.values()].filter((socket) => socket.token > 0 && readiness(socket) > 0)
    const tokens = Float64Array.from(due, ({ token }) => token)
    const bits = Uint8Array.from(due, readiness)
    for (const socket of due) socket.token = 0
    if (due.length > 0) sink.ready(tokens, bits, due.length)
  }
  const pollSoon = (): void => {
    turn ??= setImmediate(poll)
  }
  /** Every call on a closed handle answers EBADF. */
  const on = (handle: Handle, use: (socket: MemorySocket) => number): number => {
    const socket = sockets.get(handle)
    return socket ? use(socket) : -errno.EBADF
  }
  const set = (handle: Handle, change: Partial<MemorySocket>): number =>
    on(handle, (socket) => {
      Object.assign(socket, change)
      pollSoon()
      return 0
    })

  return {
    name: 'memory',
    capabilities: {
      sockets: { inet: ['stream'], inet6: ['stream'], unix: ['stream'], vsock: [] },
      abstractUnix: true,
      kernelReadiness: false,
      immediateErrors: true,
      bind: false,
      options: [],
      eventTimes: false,
      kernelSockets: false,
    },
    get openHandles() {
      return sockets.size
    },
    open() {
      sockets.set(++lastHandle, { echoed: Buffer.alloc(0), interest: 0, token: 0 })
      return lastHandle
    },
    connect: (handle, peer) => set(handle, { peer }),
    register: (handle, token, interest) => set(handle, { token, interest }),
    deregister: (handle) => void set(handle, { token: 0 }),
    finishConnect: (handle) => on(handle, ({ peer }) => (peer ? 0 : -errno.ENOTCONN)),
    receive: (handle, into) =>
      on(handle, (socket) => {
        const count = socket.echoed.copy(into)
        socket.echoed = socket.echoed.subarray(count)
        return count || -errno.EAGAIN
      }),
    send: (handle, data, offset) =>
      on(handle, ({ echoed }) => {
        set(handle, { echoed: Buffer.concat([echoed, data.subarray(offset)]) })
        return data.length - offset
      }),
    shutdown: (handle) => on(handle, () => 0),
    close: (handle) => void sockets.delete(handle),
    localAddress: () => undefined,
    peerAddress: (handle) => sockets.get(handle)?.peer,
    poll,
    ref: () => void turn?.ref(),
    unref: () => void turn?.unref(),
    async destroy() {
      clearImmediate(turn)
      sockets.clear()
    },
  }
}

await using reactor = createReactor({ backend: memoryBackend })
const connection = await firstValueFrom(reactor.connect('tcp://192.0.2.1:1'))
const echoed = firstValueFrom(connection.received)
await connection.send('Hello, nobody!')
console.log(`${connection.backend}: ${await echoed}`)
await connection.close()
