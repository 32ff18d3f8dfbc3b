/** Programs that walk into the traps of a non-blocking connect, with the loop standing still where that is the trap. */
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ConnectError,
  type Connection,
  ConnectStatus,
  Interest,
  OUTCOME_KINDS,
} from '@pollout/core'
import { withoutBulkLane } from '@pollout/testing'
import { firstValueFrom, toArray } from 'rxjs'
import { backendOf, withReactor } from '../inside/backends.js'
import { type Behaviour, type Listener, withListener } from '../inside/listeners.js'
import { type PlainAnswer, PlainSockets } from '../inside/plain-sockets.js'
import { stopwatch } from '../inside/stopwatch.js'
import { failed, type PlainOptions, type Told, tryConnect } from '../inside/told.js'
import { watched } from '../inside/watched-backend.js'
import type { BackendName } from '../rig/requirements.js'
import { setRules } from './configuring.js'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const SOL_SOCKET = 1
const SO_ERROR = 4

const tcp = ({ where }: Listener): string => `tcp://127.0.0.1:${where.port}`

/** How much of the processor this process has used, in milliseconds, while `work` ran. */
async function measured<T>(work: () => Promise<T>): Promise<{ value: T; cpuMs: number }> {
  const before = process.cpuUsage()
  const value = await work()
  const { user, system } = process.cpuUsage(before)
  return { value, cpuMs: (user + system) / 1_000 }
}

/** Rejects with an ICMP error what goes to this port. */
const rejection = (port: number | undefined): string => `
  table ip trap {
    chain in {
      type filter hook input priority 0
      tcp dport ${port} reject with icmp type port-unreachable
    }
  }`
const NO_REJECTION = 'delete table ip trap'

/** poll(2) of a socket that was never connected, and what the completion rule makes of it. */
export async function freshSocket(backend: BackendName): Promise<readonly string[]> {
  await using sockets = new PlainSockets(backend)
  const handle = sockets.open({ family: 'inet', type: 'stream' })
  const { kernelReadiness } = sockets.backend.capabilities
  const bits = kernelReadiness ? await sockets.ready(handle, Interest.WRITABLE) : []
  return [bits.join('|'), String(sockets.finish(handle))]
}

export interface IcmpTrap {
  readonly told: Told
  /** What the completion rule said, as numbers. */
  readonly statuses: readonly number[]
  readonly registrations: number
  readonly cpuMs: number
}

/**
 * An ICMP error in SYN_SENT whose SO_ERROR another reader has taken: POLLERR alone, with SO_ERROR 0, until the error
 * queue is emptied. The firewall then gives way, and the SYN that is sent again after a second gets through.
 */
export function errorReadByAnother(): Promise<IcmpTrap> {
  return withListener(LOOPBACK, 'keep', async (listener) => {
    await setRules(rejection(listener.where.port))
    const statuses: number[] = []
    const { factory, calls } = watched(backendOf('native'), {
      connected: (backend, handle) => {
        backend.kernel?.getOption(handle, SOL_SOCKET, SO_ERROR, new Uint8Array(4))
      },
      finished: (status) => {
        statuses.push(status)
        // A loop that spins is to be seen as one, and not to go on: an attempt fails when its backend throws.
        if (statuses.length > 1_000) throw new Error('the loop spins')
        if (statuses.length === 1 && status === ConnectStatus.PENDING) void setRules(NO_REJECTION)
      },
    })
    return withReactor(factory, async (reactor) => {
      const { value, cpuMs } = await measured(() => tryConnect(reactor, tcp(listener)))
      value.connection?.reset()
      const registrations = calls['register'] ?? 0
      return { told: value.told, statuses, registrations, cpuMs }
    })
  })
}

/** CPU time of a wait for a peer that never answers. */
export async function waitInSynSent(backend: BackendName, target: string): Promise<number> {
  return withReactor(backend, async (reactor) => {
    const { cpuMs } = await measured(() => tryConnect(reactor, target, { timeoutMs: 500 }))
    return cpuMs
  })
}

export interface StaleQueue {
  readonly told: Told
  readonly received: string
  readonly registrations: number
  /** Of half a second in which nothing comes. */
  readonly cpuMs: number
}

/**
 * The first SYN is answered by an ICMP error, the second by the peer, and all that while the loop stands still: the
 * socket is connected then, and its error queue is not empty.
 */
export function staleErrorQueue(backend: BackendName): Promise<StaleQueue> {
  return withListener(LOOPBACK, 'keep', async (listener) => {
    await setRules(rejection(listener.where.port))
    const { factory, calls } = watched(backendOf(backend), {
      connected: () => {
        spawnSync('nft', [NO_REJECTION])
        listener.waitFor(1)
      },
    })
    return withReactor(factory, async (reactor) => {
      const { told, connection } = await tryConnect(reactor, tcp(listener))
      if (connection === undefined) return { told, received: '', registrations: 0, cpuMs: 0 }
      const chunk = first(connection)
      const { cpuMs } = await measured(() => sleep(500))
      const registrations = (calls['register'] ?? 0) + (calls['watch'] ?? 0)
      listener.write('late')
      const received = await chunk
      connection.reset()
      return { told, received, registrations, cpuMs }
    })
  })
}

/** The peer does its part, and is done with it, before anybody here polls; `broken` is what the reader is told, if it fails. */
export function peerActsFirst(
  backend: BackendName,
  behaviour: Behaviour,
): Promise<{ readonly told: Told; readonly received: string; readonly broken?: Told }> {
  return withListener(LOOPBACK, behaviour, async (listener) => {
    const { factory } = watched(backendOf(backend), { connected: () => listener.waitFor(1) })
    return withReactor(factory, async (reactor) => {
      const { told, connection } = await tryConnect(reactor, tcp(listener))
      if (connection === undefined) return { told, received: '' }
      const elapsed = stopwatch()
      try {
        return { told, received: await whole(connection) }
      } catch (error) {
        return { told, received: '', broken: failed(error as ConnectError, elapsed()) }
      } finally {
        connection.reset()
      }
    })
  })
}

export interface Many {
  /** How often which kind of outcome came. */
  readonly kinds: Readonly<Record<string, number>>
  /** The same of the columns' errnos. */
  readonly columns: Readonly<Record<string, number>>
  /** What followed, of the one that was looked at after the peer had acted. */
  readonly followedBy: string | undefined
}

/** Very many to a peer that resets whom it accepts: by whichever lane the backend has, and by the other one. */
export function manyAreReset(backend: BackendName, behaviour: Behaviour): Promise<Many> {
  const COUNT = 256
  return withListener(LOOPBACK, behaviour, async (listener) => {
    const port = listener.where.port ?? 0
    const kinds: Record<string, number> = {}
    const columns: Record<string, number> = {}
    await withReactor(backend, async (reactor) => {
      const targets = Array.from({ length: COUNT }, () => tcp(listener))
      for (const onConnected of ['reset', 'close', 'keep'] as const) {
        const options = { onConnected, concurrency: 64 }
        const all = await firstValueFrom(reactor.connectMany(targets, options).pipe(toArray()))
        for (const outcome of all) {
          kinds[outcome.kind] = (kinds[outcome.kind] ?? 0) + 1
          if (outcome.kind === 'connected') outcome.connection?.reset()
        }
      }
      const addresses = new Uint32Array(COUNT).fill(0x7f00_0001)
      const batches = reactor.connectBatches([{ addresses, ports: port }])
      for (const batch of await firstValueFrom(batches.pipe(toArray()))) {
        for (const kind of batch.kind) {
          const name = OUTCOME_KINDS[kind] as string
          columns[name] = (columns[name] ?? 0) + 1
        }
      }
    })
    const seen = 3 * COUNT + COUNT
    const waits = { connected: () => listener.waitFor(seen + 1) }
    const { factory } = watched(withoutBulkLane(backendOf(backend)), waits)
    const outcome = await withReactor(factory, (reactor) =>
      firstValueFrom(reactor.connectMany([tcp(listener)])),
    )
    const followedBy = outcome.kind === 'connected' ? outcome.followedBy : outcome.code
    return { kinds, columns, followedBy }
  })
}

/** A unix listener's backlog is full; with `admits` a place is made once the connect has begun. */
export function fullUnixBacklog(
  backend: BackendName,
  path: string,
  admits: boolean,
  options: PlainOptions,
): Promise<Told> {
  return withListener({ path }, 'none', async (listener) => {
    const { factory } = watched(backendOf(backend), {
      connected: () => {
        if (admits) listener.admit()
      },
    })
    return withReactor(factory, async (reactor) => {
      const { told, connection } = await tryConnect(reactor, `unix:${path}`, options)
      connection?.reset()
      return told
    })
  })
}

/** The completion rule, asked twice about a connect that was refused. */
export async function askedTwice(backend: BackendName): Promise<readonly PlainAnswer[]> {
  await using sockets = new PlainSockets(backend)
  const handle = sockets.open({ family: 'inet', type: 'stream' })
  sockets.connect(handle, { family: 'inet', address: '127.0.0.1', port: 9 })
  await sockets.ready(handle, Interest.WRITABLE)
  return [sockets.finish(handle), sockets.finish(handle)]
}

/** Connects from a port to the same port, where nobody listens. */
export async function meetItself(backend: BackendName, port: number): Promise<PlainAnswer> {
  await using sockets = new PlainSockets(backend)
  const at = { family: 'inet', address: '127.0.0.1', port } as const
  const handle = sockets.open({ family: 'inet', type: 'stream' })
  if (sockets.backend.bind?.(handle, at) !== 0) throw new Error('could not bind')
  sockets.connect(handle, at)
  await sockets.ready(handle, Interest.WRITABLE)
  return sockets.finish(handle)
}

/** The first bytes that come. */
function first(connection: Connection): Promise<string> {
  return new Promise((resolve, reject) => {
    connection.received.subscribe({ next: (chunk) => resolve(String(chunk)), error: reject })
  })
}

/** All bytes up to the end of the stream. */
function whole(connection: Connection): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    connection.received.subscribe({
      next: (chunk) => {
        text += String(chunk)
      },
      complete: () => resolve(text),
      error: reject,
    })
  })
}
