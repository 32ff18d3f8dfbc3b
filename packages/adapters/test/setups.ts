/** What the tests of all adapters share: the backends, a reactor that leaves nothing behind, servers for a file. */

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isNativeBackendAvailable, nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import { type BackendFactory, createReactor, type Reactor } from '@pollout/core'
import {
  makeCertificate,
  type RealServer,
  type ServerPlan,
  startServer,
} from '@pollout/test-servers'
import { afterAll, beforeAll, expect, it, onTestFinished, type TestContext } from 'vitest'

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
  let server: RealServer
  beforeAll(async () => {
    server = await startServer(plan)
  })
  afterAll(() => server.stop())
  define((name, run) =>
    onEachBackend(name, async (reactor, context) => {
      if (server.missing) return context.skip(server.missing)
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
    it(title, async (context) => {
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
  await expect.poll(() => reactor.stats()).toMatchObject(NOTHING_LEFT)
  await reactor.destroy()
  await expect.poll(descriptors).toEqual(before)
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

/** Listens on loopback, until it is disposed of. */
export async function listen<S extends Server>(server: S, at = 0) {
  server.listen(at, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    server,
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    [Symbol.asyncDispose]: async () => {
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A certificate for servers of the tests' own; it is its own authority. To be asked for in a test. */
export function withCertificate(): () => { readonly key: Buffer; readonly cert: Buffer } {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'pollout-certificate-'))
    makeCertificate(directory)
  })
  afterAll(() => rmSync(directory, { recursive: true }))
  const read = (file: string): Buffer => readFileSync(join(directory, file))
  return () => ({ key: read('server.key'), cert: read('server.crt') })
}

/** Of a server that has one: see `makeCertificate()`. */
export function authorityOf({ server }: Scene): Buffer {
  return readFileSync(join(server.directory, 'server.crt'))
}

export function sha256(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
  const hash = createHash('sha256')
  return (async () => {
    for await (const chunk of chunks) hash.update(chunk)
    return hash.digest('hex')
  })()
}
