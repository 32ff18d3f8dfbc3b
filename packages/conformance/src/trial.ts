/** One test's surroundings: its reactors and backends, ended and looked over for leaks afterwards. */

import assert from 'node:assert/strict'
import {
  type Backend,
  type BackendFactory,
  ConnectError,
  createReactor,
  type Endpoint,
  type InetAddress,
  addressOf as literalAddress,
  type Reactor,
  type ReactorOptions,
  type SocketOptionName,
  type UnixAddress,
} from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { certificateProblem } from './certificates.js'
import { type Footprint, footprint, leaked } from './leaks.js'
import { isNode } from './program-command.js'
import { RawBackend } from './raw-backend.js'
import type { TestApi } from './test-api.js'
import { specOf, type Transport, type World } from './world.js'

/**
 * How another process or thread imports the backend.
 *
 * @example
 * ```ts
 * import type { BackendModule } from '@pollout/conformance'
 *
 * const module: BackendModule = {
 *   directory: import.meta.dirname,
 *   specifier: '@pollout/backend-net',
 *   name: 'netBackend',
 * }
 * ```
 */
export interface BackendModule {
  /** Folder from which the specifiers resolve: the backend's own package, by its name. */
  readonly directory: string
  /** E.g. `@pollout/backend-net`; it has to be built. */
  readonly specifier: string
  /** The export that makes the factory when called without arguments. */
  readonly name: string
}

/**
 * What is tested, by what, and against which peers.
 *
 * @example
 * ```ts
 * import { netBackend } from '@pollout/backend-net'
 * import {
 *   type BackendModule,
 *   realWorld,
 *   type Subject,
 *   type TestApi,
 * } from '@pollout/conformance'
 *
 * declare const test: TestApi
 * declare const module: BackendModule
 * const subject: Subject = { name: 'net', backend: netBackend(), world: realWorld(), module, test }
 * ```
 */
export interface Subject {
  readonly name: string
  /** Called once a test and more; each backend made of it is a test's own. */
  readonly backend: BackendFactory
  readonly world: World
  /** For tests in processes and threads of their own. */
  readonly module: BackendModule
  /** Threads that are terminated with connects in flight. Default 20, an even number. */
  readonly threads?: number
  readonly test: TestApi
}

type NeededCapability = 'kernelReadiness' | 'immediateErrors' | 'bind' | 'kernelSockets'

/** What a test can't do without. */
export interface Needs {
  readonly transport?: Transport
  readonly capability?: NeededCapability | readonly NeededCapability[]
  readonly option?: SocketOptionName
  /** There is {@link Backend.disconnect}. */
  readonly disconnect?: true
  /** There is {@link Backend.watch}. */
  readonly watch?: true
  readonly selfConnect?: true
  /** Sockets of the kernel's at the other end, and not everybody's address. */
  readonly realNetwork?: true
  /** openssl(1), to make certificates with; and sockets of the kernel's. */
  readonly certificates?: true
  /** A network namespace of its own, with real sockets in it. */
  readonly network?: true
  /** Node's own sockets, to be compared with. */
  readonly nodesSockets?: true
}

export class Trial {
  readonly subject: Subject
  readonly #before: Footprint
  readonly #reactors: { readonly reactor: Reactor; readonly backend: Backend }[] = []
  readonly #raw: RawBackend[] = []

  constructor(subject: Subject) {
    this.subject = subject
    subject.world.forgetRecords()
    this.#before = footprint()
  }

  get world(): World {
    return this.subject.world
  }

  /** A reactor that ends with the test. */
  reactor(options: Partial<ReactorOptions> = {}): Reactor {
    let made: Backend | undefined
    const backend: BackendFactory = (sink) => {
      made = this.subject.backend(sink)
      return made
    }
    const reactor = createReactor({ backend, ...options })
    if (made) this.#reactors.push({ reactor, backend: made })
    return reactor
  }

  /** Whether the reactors made so far give connectMany() a bulk lane. */
  get hasBulkLane(): boolean {
    return this.#reactors.some(({ backend }) => backend.bulk !== undefined)
  }

  /** A backend without a reactor, that ends with the test. */
  raw(): RawBackend {
    const raw = new RawBackend(this.subject.backend)
    this.#raw.push(raw)
    return raw
  }

  /** Destroys everything and finds what the test, or what it tested, has left behind. */
  async end(failed: boolean): Promise<void> {
    const stats = this.#reactors.map(({ reactor }) => reactor.stats())
    await Promise.all(this.#reactors.map(({ reactor }) => reactor.destroy()))
    await Promise.all(this.#raw.map(({ backend }) => backend.destroy()))
    const difference = await leaked(this.#before)
    if (failed) return
    for (const { inFlight, open, queued, registrations, deadlines } of stats) {
      const left = { inFlight, open, queued, registrations, deadlines }
      const nothing = { inFlight: 0, open: 0, queued: 0, registrations: 0, deadlines: 0 }
      assert.deepEqual(left, nothing, 'the reactor is at rest before it is destroyed')
    }
    for (const { backend } of [...this.#reactors, ...this.#raw]) {
      assert.equal(backend.openHandles, 0, 'handles left open')
    }
    assert.equal(difference, undefined, `left behind: ${difference}`)
  }
}

/** Defines one test: skips it where the backend or the machine lacks something, and looks for leaks after it. */
export type Define = (
  name: string,
  run: (trial: Trial) => Promise<void>,
  options?: Needs & { readonly timeoutMs?: number },
) => void

export function definer(subject: Subject): Define {
  return (name, run, options = {}) => {
    subject.test.it(
      name,
      async (context) => {
        const lack = await lacks(subject, options)
        if (lack) return context.skip(lack)
        const trial = new Trial(subject)
        let failed = true
        try {
          await run(trial)
          failed = false
        } finally {
          await trial.end(failed)
        }
      },
      options.timeoutMs,
    )
  }
}

async function lacks(subject: Subject, needs: Needs): Promise<string | undefined> {
  const { name, world } = subject
  const backend = subject.backend({ ready() {}, broken() {} })
  const { capabilities } = backend
  await backend.destroy()
  const { transport, capability = [], option } = needs
  if (transport === 'abstract' && !capabilities.abstractUnix) {
    return `capability abstractUnix is missing in ${name}`
  }
  if (transport) {
    const { family, type } = specOf(transport)
    if (!capabilities.sockets[family].includes(type)) {
      return `capability sockets: ${family} ${type} is missing in ${name}`
    }
  }
  for (const needed of typeof capability === 'string' ? [capability] : capability) {
    if (!capabilities[needed]) return `capability ${needed} is missing in ${name}`
  }
  if (option && !capabilities.options.includes(option)) {
    return `capability options: ${option} is missing in ${name}`
  }
  if (needs.disconnect && backend.disconnect === undefined) return `${name} has no disconnect()`
  if (needs.watch && backend.watch === undefined) return `${name} has no watch()`
  if (needs.selfConnect && !world.selfConnecting) {
    return 'how often a real socket connects to itself is chance; see the test in a network namespace'
  }
  // Only a simulated one can arrange that.
  if (needs.realNetwork && world.selfConnecting) return "a simulated network is no kernel's"
  if (needs.certificates) {
    if (world.selfConnecting) return "a simulated network is no kernel's"
    const problem = certificateProblem()
    if (problem) return problem
  }
  if (needs.nodesSockets && !isNode) return "this runtime's net.Socket is another one than Node's"
  if (needs.network && world.lacksNamespaces) return world.lacksNamespaces
  return transport && world.lacks(transport)
}

/** The address that a literal endpoint stands for. */
export function addressOf(endpoint: Endpoint): InetAddress | UnixAddress {
  const address = literalAddress(endpoint)
  assert.ok(address && address.family !== 'vsock', 'the worlds have addresses of inet and unix')
  return address
}

/** The error that `promise` rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof Error, 'it was to fail')
  return error
}

/** The error of one connect. */
export async function connectErrorOf(
  reactor: Reactor,
  ...request: Parameters<Reactor['connect']>
): Promise<ConnectError> {
  const error = await rejection(firstValueFrom(reactor.connect(...request)))
  assert.ok(error instanceof ConnectError)
  return error
}
