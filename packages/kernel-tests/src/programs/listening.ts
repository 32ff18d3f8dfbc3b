/** Programs that keep listeners up until they are told to take them down. */
import { once } from 'node:events'
import { linkSync } from 'node:fs'
import { createServer } from 'node:net'
import { type Behaviour, Listener, type Where } from '../inside/listeners.js'
import { PlainSockets } from '../inside/plain-sockets.js'

const listeners: Listener[] = []
const bound: PlainSockets[] = []

/** Resolves to the port. A listener of behaviour `none` has its backlog filled. */
export async function listen(where: Where, behaviour: Behaviour): Promise<number> {
  const listener = await Listener.start(where, behaviour)
  listeners.push(listener)
  return listener.where.port ?? 0
}

/** Leaves a socket's file behind that nobody listens at: close() takes away the name it knows only. */
export async function leaveStaleFile(path: string): Promise<void> {
  const server = createServer().listen(`${path}.live`)
  await once(server, 'listening')
  linkSync(`${path}.live`, path)
  server.close()
  await once(server, 'close')
}

/** Binds a socket and does not listen, until `closeAll()`; only where the native backend can bind. */
export function bindOnly(path: string): void {
  const sockets = new PlainSockets('native')
  bound.push(sockets)
  const handle = sockets.open({ family: 'unix', type: 'stream' })
  const answer = sockets.backend.bind?.(handle, { family: 'unix', path })
  if (answer !== 0) throw new Error(`bind: ${answer}`)
}

export async function closeAll(): Promise<void> {
  for (const listener of listeners.splice(0)) await listener.close()
  for (const sockets of bound.splice(0)) await sockets[Symbol.asyncDispose]()
}
