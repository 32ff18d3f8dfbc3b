/** What a connection carries in a transfer, on node:net and on pollout: the same steps, each by its API's own means. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import type { Connection } from '@pollout/core'
import type { TransferMode } from './job.js'

/** Shared by all connections of a run. */
export interface Traffic {
  readonly mode: TransferMode
  /** A message, or what is sent at once. */
  readonly data: Buffer
  /** Bytes received, or handed over to be sent. */
  bytes: number
  stopped: boolean
  /** Told where a connection ends before it is stopped. */
  readonly broken: (error: unknown) => void
}

/** Chunks sent before others have their turn: while the kernel takes all at once, neither API lets the loop turn. */
const IN_A_ROW = 16

export function carry(connection: Socket | Connection, traffic: Traffic): void {
  const isNodeNet = 'resetAndDestroy' in connection
  if (traffic.mode === 'out') {
    const sending = isNodeNet ? giveBySocket(connection, traffic) : give(connection, traffic)
    sending.catch((error) => {
      if (!traffic.stopped) traffic.broken(error)
    })
  } else if (isNodeNet) takeBySocket(connection, traffic)
  else take(connection, traffic)
}

function takeBySocket(socket: Socket, traffic: Traffic): void {
  const answer = receiver(traffic, (data) => socket.write(data))
  socket.on('data', (chunk) => answer(chunk.length))
  socket.on('close', () => {
    if (!traffic.stopped) traffic.broken(new Error('the connection has ended'))
  })
}

function take(connection: Connection, traffic: Traffic): void {
  const answer = receiver(traffic, (data) => void connection.send(data))
  connection.received.subscribe({
    next: (chunk) => answer(chunk.length),
    error: traffic.broken,
    complete: () => {
      if (!traffic.stopped) traffic.broken(new Error('the connection has ended'))
    },
  })
}

/** What to do with so many bytes that came; the first message is sent at once. */
function receiver(traffic: Traffic, send: (data: Buffer) => void): (bytes: number) => void {
  const { data, mode } = traffic
  if (mode === 'in') {
    return (bytes) => {
      traffic.bytes += bytes
    }
  }
  send(data)
  let received = 0
  return (bytes) => {
    traffic.bytes += bytes
    received += bytes
    if (received < data.length || traffic.stopped) return
    received -= data.length
    send(data)
  }
}

async function giveBySocket(socket: Socket, traffic: Traffic): Promise<void> {
  const { data } = traffic
  while (!traffic.stopped) {
    for (let i = 0; i < IN_A_ROW; i++) {
      traffic.bytes += data.length
      if (!socket.write(data)) await once(socket, 'drain')
    }
    await turn()
  }
}

async function give(connection: Connection, traffic: Traffic): Promise<void> {
  const { data } = traffic
  while (!traffic.stopped) {
    for (let i = 0; i < IN_A_ROW; i++) {
      traffic.bytes += data.length
      await connection.send(data)
    }
    await turn()
  }
}
