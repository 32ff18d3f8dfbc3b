/** A backend in one file: sockets that live in memory, and a peer that accepts everyone and echoes. */
import { type Backend, type BackendFactory, createReactor, errno, type Handle, Interest } from 'pollout'
import { firstValueFrom } from 'rxjs'

interface MemorySocket {
  peer?: Parameters<Backend['connect']>[1]
  echoed: Buffer
  token?: number
  interest: number
}

const memoryBackend: BackendFactory = (sink) => {
  const sockets = new Map<number, MemorySocket>()
  let lastHandle = 0
  let timer: NodeJS.Immediate | undefined

  /** What poll(2) would report of a socket now: always writable, readable when something was echoed. */
  const level = ({ echoed }: MemorySocket) => Interest.WRITABLE | (echoed.length ? Interest.READABLE : 0)
  const poll = () => {
    timer = undefined
    const due = [...sockets.values()].filter((s) => s.token !== undefined && level(s) & s.interest)
    const tokens = Float64Array.from(due, (socket) => socket.token ?? 0)
    const readiness = Uint8Array.from(due, (socket) => level(socket) & socket.interest)
    for (const socket of due) delete socket.token // a registration is one shot
    if (due.length > 0) sink.ready(tokens, readiness, due.length)
  }
  const soon = () => void (timer ??= setImmediate(poll))
  const on = (handle: Handle, use: (socket: MemorySocket) => number): number => {
    const socket = sockets.get(handle)
    return socket ? use(socket) : -errno.EBADF
  }

  return {
    name: 'memory',
    capabilities: {
      families: ['inet', 'inet6', 'unix'],
      types: ['stream'],
      abstractUnix: true,
      kernelReadiness: false,
      immediateErrors: true,
    },
    get openHandles() {
      return sockets.size
    },
    open: () => (sockets.set(++lastHandle, { echoed: Buffer.alloc(0), interest: 0 }), lastHandle),
    connect: (handle, to) => on(handle, (s) => ((s.peer = to), -errno.EINPROGRESS)),
    register: (handle, token, interest) =>
      on(handle, (s) => (Object.assign(s, { token, interest }), soon(), 0)),
    deregister: (handle) => void on(handle, (s) => (delete s.token, 0)),
    finishConnect: (handle) => on(handle, (s) => (s.peer ? 0 : -errno.ENOTCONN)),
    receive: (handle, into) =>
      on(handle, (s) => {
        const count = s.echoed.copy(into)
        s.echoed = s.echoed.subarray(count)
        return count || -errno.EAGAIN
      }),
    send: (handle, data, offset) =>
      on(handle, (s) => {
        s.echoed = Buffer.concat([s.echoed, data.subarray(offset)])
        soon()
        return data.length - offset
      }),
    shutdown: (handle) => on(handle, () => 0),
    close: (handle) => void sockets.delete(handle),
    localAddress: () => undefined,
    peerAddress: (handle) => sockets.get(handle)?.peer,
    poll,
    ref: () => void timer?.ref(),
    unref: () => void timer?.unref(),
    destroy: async () => (clearImmediate(timer), sockets.clear()),
  }
}

await using reactor = createReactor({ backend: memoryBackend })
const connection = await firstValueFrom(reactor.connect('tcp://192.0.2.1:1'))
const echoed = firstValueFrom(connection.received)
await connection.send('Hello, nobody!')
console.log(`${connection.backend}: ${await echoed}`)
await connection.close()
