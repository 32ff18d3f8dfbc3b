/** Programs that connect, or send, once, and tell what a user is told. */
import { closeSync, openSync, unlinkSync } from 'node:fs'
import { type Capabilities, type ConnectError, createReactor, type Reactor } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { backendOf, descriptorCount, withReactor } from '../inside/backends.js'
import { stopwatch } from '../inside/stopwatch.js'
import { failed, type PlainOptions, type Told, tryConnect } from '../inside/told.js'
import type { BackendName } from '../rig/requirements.js'
import { configure } from './configuring.js'

export function capabilities(backend: BackendName): Promise<Capabilities> {
  return withReactor(backend, async (reactor) => reactor.capabilities)
}

export function descriptors(): number {
  return descriptorCount()
}

export function connect(
  backend: BackendName,
  target: string,
  options: PlainOptions = {},
): Promise<Told> {
  return withReactor(backend, (reactor) => connectOn(reactor, target, options))
}

/** By `connect()`, and by `connectMany()`, which has to agree. */
export function connectBothWays(backend: BackendName, target: string): Promise<Told> {
  return withReactor(backend, async (reactor) => {
    const told = await connectOn(reactor, target, {})
    const outcome = await firstValueFrom(reactor.connectMany([target]))
    const { kind } = outcome
    if (kind === 'connected') return { ...told, kind }
    const { code, phase, localFault } = outcome
    const agrees = code === told.code && phase === told.phase && localFault === told.localFault
    return { ...told, kind: agrees ? kind : `${kind}, but ${code} ${phase} ${localFault}` }
  })
}

const held = new Map<BackendName, Reactor>()

/** Makes a reactor for `connectHeld()`, which then makes no system calls but those of the connect. */
export async function hold(backend: BackendName): Promise<void> {
  const reactor = createReactor({ backend: backendOf(backend) })
  held.set(backend, reactor)
  await connectOn(reactor, 'tcp://127.0.0.1:9', {})
}

export async function release(): Promise<void> {
  for (const reactor of held.values()) await reactor.destroy()
  held.clear()
}

export function connectHeld(
  backend: BackendName,
  target: string,
  options: PlainOptions = {},
): Promise<Told> {
  const reactor = held.get(backend)
  if (reactor === undefined) throw new Error(`no reactor on ${backend} is held`)
  return connectOn(reactor, target, options)
}

async function connectOn(reactor: Reactor, target: string, options: PlainOptions): Promise<Told> {
  const { told, connection } = await tryConnect(reactor, target, options)
  connection?.reset()
  return told
}

/**
 * Connects a datagram socket and sends, twice where the first is taken, and tells the first error: of a send, or that
 * which the socket learned of afterwards and a reader is told.
 */
export function send(
  backend: BackendName,
  target: string,
  options: PlainOptions = {},
): Promise<Told> {
  return withReactor(backend, async (reactor) => {
    const elapsed = stopwatch()
    const { told, connection } = await tryConnect(reactor, target, options)
    if (connection === undefined) return told
    const error = await new Promise<ConnectError>((resolve) => {
      connection.received.subscribe({ error: resolve })
      connection.send('Hello, Server!').catch(resolve)
    })
    connection.reset()
    return failed(error, elapsed())
  })
}

/** Sends over a route that was there at the connect, and prohibits since. */
export function sendOverProhibited(
  backend: BackendName,
  host: string,
  target: string,
): Promise<Told> {
  return withReactor(backend, async (reactor) => {
    const elapsed = stopwatch()
    const { told, connection } = await tryConnect(reactor, target)
    if (connection === undefined) return told
    await configure({ ip: [`route add prohibit ${host}`] })
    const error = await new Promise<ConnectError>((resolve) => {
      connection.received.subscribe({ error: resolve })
      connection.send('Hello, Server!').catch(resolve)
    })
    connection.reset()
    await configure({ ip: [`route del prohibit ${host}`] })
    return failed(error, elapsed())
  })
}

/** Connects to a unix datagram socket at `path` that is connected elsewhere: unix_may_send() of the kernel forbids it. */
export function connectToTaken(backend: BackendName, path: string): Promise<Told> {
  return withReactor(backend, async (reactor) => {
    using taken = reactor.socket('unix', 'dgram')
    using elsewhere = reactor.socket('unix', 'dgram')
    taken.bind({ family: 'unix', path })
    elsewhere.bind({ family: 'unix', path: `${path}-by` })
    taken.connect({ family: 'unix', path: `${path}-by` })
    const told = await connectOn(reactor, `unixgram:${path}`, {})
    for (const name of [path, `${path}-by`]) unlinkSync(name)
    return told
  })
}

/** Connects while the process has no descriptor left: that of the agent must be limited, as there is an end to the files. */
export function connectStarved(backend: BackendName, target: string): Promise<Told> {
  return withReactor(backend, async (reactor) => {
    // Once before, so that whatever is made on first use has its descriptors.
    const first = await tryConnect(reactor, target)
    first.connection?.reset()
    const taken: number[] = []
    try {
      for (;;) taken.push(openSync('/dev/null', 'r'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
    }
    const { told, connection } = await tryConnect(reactor, target)
    connection?.reset()
    for (const descriptor of taken) closeSync(descriptor)
    return told
  })
}
