/** Programs about descriptors that outlive their sockets, and numbers that are used again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { Interest } from '@pollout/core'
import type { Subscription } from 'rxjs'
import { withReactor } from '../inside/backends.js'
import { type Listener, withListener } from '../inside/listeners.js'
import { PlainSockets } from '../inside/plain-sockets.js'
import { type Told, tryConnect } from '../inside/told.js'
import type { BackendName } from '../rig/requirements.js'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
/** More than a place or two, less than a batch. */
const MANY = 8

export interface Duplicated {
  /** Entries for the socket in this process's epoll sets while it waits to read, and when it has been closed. */
  readonly watchedOpen: number
  readonly watchedClosed: number
  /** How often it was reported after that. */
  readonly reports: number
}

/** Closes a socket that waits to read and of which another process has a duplicate; its peer then writes to it. */
export function closedWithDuplicate(backend: BackendName): Promise<Duplicated> {
  return withListener(LOOPBACK, 'keep', async (listener) => {
    await using sockets = new PlainSockets(backend)
    const port = listener.where.port ?? 0
    const handle = sockets.open({ family: 'inet', type: 'stream' })
    sockets.connect(handle, { family: 'inet', address: '127.0.0.1', port })
    await sockets.ready(handle, Interest.WRITABLE)
    if (sockets.finish(handle) !== 'OK') throw new Error('it was to connect')
    const inode = inodeTo(port)
    const keeper = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore', descriptorOf(inode)] })
    await once(keeper, 'spawn')
    let reports = 0
    sockets.watch(handle, Interest.READABLE, () => reports++)
    await turns(3)
    const watchedOpen = watchersOf(inode)
    sockets.backend.close(handle, 'graceful')
    await turns(3)
    const watchedClosed = watchersOf(inode)
    listener.write('for the duplicate')
    await turns(20)
    sockets.backend.poll()
    keeper.stdin?.end()
    await once(keeper, 'close')
    return { watchedOpen, watchedClosed, reports }
  })
}

/**
 * Connects that are all ready in one batch: the first to be told cancels the others and starts as many anew, to a peer
 * that never answers. How many of the first were told, and what became of the new ones.
 */
export function cancelWithinBatch(
  backend: BackendName,
  silent: string,
): Promise<{ readonly told: number; readonly codes: readonly string[] }> {
  return withListener(LOOPBACK, 'keep', (listener) =>
    withReactor(backend, async (reactor) => {
      let told = 0
      const subscriptions: Subscription[] = []
      const started: Promise<Told>[] = []
      const renew = (): void => {
        for (const subscription of subscriptions) subscription.unsubscribe()
        for (let i = 1; i < MANY; i++) {
          started.push(tryConnect(reactor, silent, { timeoutMs: 400 }).then(({ told }) => told))
        }
      }
      await new Promise<void>((resolve) => {
        for (let i = 0; i < MANY; i++) {
          const connecting = reactor.connect(placeOf(listener)).subscribe((connection) => {
            connection.reset()
            if (++told > 1) return
            renew()
            resolve()
          })
          subscriptions.push(connecting)
        }
        beforePolling(() => listener.waitFor(MANY))
      })
      const codes = (await Promise.all(started)).map(({ code }) => code)
      return { told, codes }
    }),
  )
}

export interface Reused {
  /** How many of the new sockets have the descriptor number of a closed one. */
  readonly reused: number
  /** How many of the new ones were reported, though nothing can be reported of them. */
  readonly reported: number
}

/** The same by hand, where a socket that is closed gives its number back at once. */
export function reusedWithinBatch(backend: BackendName, host: string): Promise<Reused> {
  return withListener(LOOPBACK, 'keep', async (listener) => {
    await using sockets = new PlainSockets(backend)
    const open = () => sockets.open({ family: 'inet', type: 'stream' })
    const port = listener.where.port ?? 0
    const old = Array.from({ length: MANY }, open)
    let reported = 0
    let before = new Map<string, string>()
    await new Promise<void>((resolve) => {
      const renew = (): void => {
        before = openSockets()
        for (const handle of old) sockets.backend.close(handle, 'graceful')
        for (let i = 0; i < MANY; i++) {
          const handle = open()
          sockets.connect(handle, { family: 'inet', address: host, port: 80 })
          sockets.watch(handle, Interest.WRITABLE, () => reported++)
        }
        resolve()
      }
      const once = callOnce(renew)
      for (const handle of old) {
        sockets.connect(handle, { family: 'inet', address: '127.0.0.1', port })
        sockets.watch(handle, Interest.WRITABLE, once)
      }
      beforePolling(() => listener.waitFor(MANY))
    })
    await turns(10)
    const renewed = [...openSockets()].filter(([fd, link]) => before.get(fd) !== link)
    return { reused: renewed.filter(([fd]) => before.has(fd)).length, reported }
  })
}

function callOnce(callback: () => void): () => void {
  let called = false
  return () => {
    if (!called) callback()
    called = true
  }
}

/** After connect(2), which Node calls in a tick of its own, and before the loop looks for what is ready. */
function beforePolling(callback: () => void): void {
  process.nextTick(() => process.nextTick(() => process.nextTick(callback)))
}

const placeOf = ({ where }: Listener): string => `tcp://127.0.0.1:${where.port}`

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** The descriptors that are sockets now, each with the name of its socket. */
function openSockets(): Map<string, string> {
  const all = readdirSync('/proc/self/fd').map((fd) => [fd, linkOf(fd)] as const)
  return new Map(all.filter(([, link]) => link.startsWith('socket:')))
}

const linkOf = (descriptor: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    return '' // the one that read the folder
  }
}

function descriptorOf(inode: number): number {
  const found = readdirSync('/proc/self/fd').find((fd) => linkOf(fd) === `socket:[${inode}]`)
  if (found === undefined) throw new Error(`no descriptor of socket ${inode}`)
  return Number(found)
}

/** The socket that is connected to this port of 127.0.0.1: proc_net_tcp(5). */
function inodeTo(port: number): number {
  const rows = readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const peer = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const found = rows.find((fields) => fields[2] === peer)
  if (found === undefined) throw new Error(`no socket is connected to port ${port}`)
  return Number(found[9])
}

/** How many entries this process's epoll sets have for a socket: proc(5), /proc/pid/fdinfo. */
function watchersOf(inode: number): number {
  const hexadecimal = new RegExp(`^tfd:.* ino:${inode.toString(16)} `, 'gm')
  return readdirSync('/proc/self/fdinfo').reduce((count, descriptor) => {
    const text = linkOf(descriptor).includes('eventpoll')
      ? readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')
      : ''
    return count + (text.match(hexadecimal)?.length ?? 0)
  }, 0)
}
