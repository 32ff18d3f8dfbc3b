/** What the tests of all adapters share: the backends, a reactor that leaves nothing behind, servers for a file. */

import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { isNativeBackendAvailable, nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import { type BackendFactory, createReactor, type Reactor } from '@pollout/core'
import { afterAll, beforeAll, expect, it, onTestFinished, type TestContext } from 'vitest'
import { type RealServer, type ServerPlan, startServer } from './servers.js'

interface Backend {
  readonly name: 'native' | 'net'
  readonly missing?: string
  make(): BackendFactory
}

const native = isNativeBackendAvailable()

const backends: readonly Backend[] = [
  { name: 'native', make: nativeBackend, ...(!native.available && { missing: native.reason }) },
  { name: 'net', make: netBackend },
]

/** Large transfers, on a machine that has other things to do. */
const TIMEOUT_MS = 60_000

const NOTHING_LEFT = { inFlight: 0, open: 0, registrations: 0, deadlines: 0 }

export interface Scene {
  readonly reactor: Reactor
  readonly server: RealServer
}

type Run = (scene: Scene) => Promise<void>

/** Runs the tests of `define` on each backend, against one server that is started for all of them. */
export function withServer(
  plan: ServerPlan,
  define: (test: (name: string, run: Run) => void) => void,
): void {
  let started: RealServer | string = 'not started'
  beforeAll(async () => {
    started = await startServer(plan)
  })
  afterAll(async () => {
    if (typeof started !== 'string') await started.stop()
  })
  define((name, run) =>
    onEachBackend(name, async (reactor, context) => {
      const server = started
      if (typeof server === 'string') return context.skip(server)
      await run({ reactor, server })
    }))
}

/** A test for each backend, which has to leave nothing behind. */
export function onEachBackend(
  name: string,
  run: (reactor: Reactor, context: TestContext) => Promise<void>,
): void {
  for (const backend of backends) {
    const title = `${name} (${backend.name})`
    it(title, { timeout: TIMEOUT_MS }, async (context) => {
      if (backend.missing !== undefined) context.skip(backend.missing)
      await leavingNothing(backend, (reactor) => run(reactor, context))
    })
  }
}

/** Afterwards the client has closed all that it opened, and there are as many descriptors as before. */
async function leavingNothing(backend: Backend, run: (reactor: Reactor) => Promise<void>) {
  const before = descriptors()
  const reactor = createReactor({ backend: backend.make() })
  onTestFinished(() => reactor.destroy())
  await run(reactor)
  await expect.poll(() => reactor.stats(), { timeout: 5_000 }).toMatchObject(NOTHING_LEFT)
  await reactor.destroy()
  await expect.poll(descriptors, { timeout: 5_000 }).toEqual(before)
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

export function sha256(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  const hash = createHash('sha256')
  return (async () => {
    for await (const chunk of chunks) hash.update(chunk)
    return hash.digest('hex')
  })()
}
