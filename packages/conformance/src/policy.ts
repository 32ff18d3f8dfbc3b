/** Conformance of destination policies: nothing that they deny is reached, by whatever way it is tried. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import {
  type ConnectError,
  type DestinationPolicy,
  destinationPolicy,
  type Outcome,
  publicInternetOnly,
  type Reactor,
  type Resolver,
} from '@pollout/core'
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs'

import { HOSTILE } from './hostile-addresses.js'
import { addressOf, connectErrorOf, type Define, rejection, type Trial } from './trial.js'

const TEXTS = HOSTILE.map(([text]) => text)
const DENIED = { code: 'ERR_DENIED', phase: 'policy', localFault: true }

/** Listens on every address of this machine; nobody is to come. */
class Trap {
  visitors = 0
  readonly #server: Server

  constructor() {
    this.#server = createServer((socket) => {
      this.visitors++
      socket.on('error', () => {}).destroy()
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async open(): Promise<void> {
    this.#server.listen(0)
    await once(this.#server, 'listening')
  }

  /** Whoever came before this visit was accepted before it. */
  async visit(reactor: Reactor): Promise<void> {
    const connection = await firstValueFrom(reactor.connect(`tcp://127.0.0.1:${this.port}`))
    await rejection(lastValueFrom(connection.received))
    connection.reset()
  }

  async close(): Promise<void> {
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Some of the texts are names; every name leads here. */
const home: Resolver = { resolve: async () => ['127.0.0.1', '::1', '0.0.0.0', '::'] }

/** Ways to a text that may be an address; each resolves with the codes of how it ended. */
const WAYS: Readonly<
  Record<string, (t: Trial, port: number, policy: DestinationPolicy) => Promise<readonly string[]>>
> = {
  'connect() to literals': async (t, port, policy) => {
    const reactor = t.reactor({ policy, resolver: home })
    return Promise.all(TEXTS.map((text) => codeOf(reactor, `tcp://${hostOf(text)}:${port}`)))
  },
  'connect() with a policy of its own': async (t, port, policy) => {
    const reactor = t.reactor({ resolver: home })
    return Promise.all(
      TEXTS.map((text) => codeOf(reactor, `tcp://${hostOf(text)}:${port}`, policy)),
    )
  },
  'connectMany() to literals, TCP and UDP': async (t, port, policy) => {
    const targets = ['tcp', 'udp'].flatMap((scheme) =>
      TEXTS.map((text) => `${scheme}://${hostOf(text)}:${port}`),
    )
    const outcomes = t.reactor({ policy, resolver: home }).connectMany(targets)
    return codesOf(await lastValueFrom(outcomes.pipe(toArray())))
  },
  'connect() to names': async (t, port, policy) => {
    const resolver: Resolver = { resolve: async (host) => [TEXTS[indexOf(host)] ?? ''] }
    const reactor = t.reactor({ policy, resolver })
    return Promise.all(TEXTS.map((_, i) => codeOf(reactor, `tcp://name-${i}.test:${port}`)))
  },
  'connectMany() to names': async (t, port, policy) => {
    const resolver: Resolver = { resolve: async (host) => [TEXTS[indexOf(host)] ?? ''] }
    const names = TEXTS.map((_, i) => `tcp://name-${i}.test:${port}`)
    const outcomes = t.reactor({ policy, resolver }).connectMany(names)
    return codesOf(await lastValueFrom(outcomes.pipe(toArray())))
  },
  'connect() to one name with all of them': async (t, port, policy) => {
    const reactor = t.reactor({ policy, resolver: { resolve: async () => TEXTS } })
    const error = await connectErrorOf(reactor, `tcp://peer.test:${port}`)
    assert.equal(error.code, 'ERR_DENIED')
    return error.attempts.map(({ result }) => result)
  },
  'bare sockets': async (t, port, policy) => {
    const reactor = t.reactor({ policy })
    return (['inet', 'inet6'] as const).flatMap((family) => {
      using socket = reactor.socket(family)
      return TEXTS.map((address) => thrownBy(() => socket.connect({ family, address, port })))
    })
  },
}

export function definePolicyTests(test: Define): void {
  for (const [way, attempt] of Object.entries(WAYS)) {
    test(
      `what is hostile does not reach a listening trap: ${way}`,
      async (t) => {
        const trap = new Trap()
        await trap.open()
        try {
          const codes = await attempt(t, trap.port, publicInternetOnly)
          assert.ok(codes.length >= 60, `only ${codes.length} were tried`)
          assert.deepEqual(
            codes.filter((code) => !REFUSED.has(code)),
            [],
          )
          assert.ok(codes.includes('ERR_DENIED'))
          await trap.visit(t.reactor())
          assert.equal(trap.visitors, 1, 'somebody was let through')
        } finally {
          await trap.close()
        }
      },
      { realNetwork: true },
    )
  }

  for (const transport of ['tcp4', 'tcp6', 'unix', 'udp4', 'unixgram', 'unixpacket'] as const) {
    test(
      `${transport}: denied is an outcome of its own, and opens nothing`,
      async (t) => {
        const endpoint = t.world.endpoint('echo', transport)
        const reactor = t.reactor({ policy: publicInternetOnly })
        const error = await connectErrorOf(reactor, endpoint)
        assert.deepEqual(pick(error), DENIED)
        assert.match(error.message, /^connect ERR_DENIED .*rule "/)
        const outcome = await firstValueFrom(reactor.connectMany([endpoint]))
        assert.equal(outcome.kind, 'denied')
        const allowing = t.reactor({ policy: everything })
        const connection = await firstValueFrom(allowing.connect(endpoint))
        assert.deepEqual(connection.peerAddress, addressOf(endpoint))
        connection.reset()
      },
      { transport },
    )
  }

  test('a name of which one address is denied goes to the other', async (t) => {
    const good = t.world.endpoint('echo') as { host: string; port: number }
    const policy = destinationPolicy({ deny: [t.world.deserted] })
    const resolver = { resolve: async () => [t.world.deserted, good.host] }
    const reactor = t.reactor({ policy, resolver })
    const connection = await firstValueFrom(reactor.connect(`tcp://peer.test:${good.port}`))
    assert.deepEqual(
      connection.failedAttempts.map(({ result }) => result),
      ['ERR_DENIED'],
    )
    connection.reset()
  })

  test('a name that leads elsewhere the next time (DNS rebinding) is judged each time', async (t) => {
    const trap = t.world.endpoint('echo') as { host: string; port: number }
    const policy = destinationPolicy({ deny: [trap.host] })
    let lookUps = 0
    const resolve = async () => [lookUps++ === 0 ? t.world.deserted : trap.host]
    const reactor = t.reactor({ policy, resolver: { resolve } })
    const name = `tcp://peer.test:${trap.port}`
    const first = await connectErrorOf(reactor, name)
    assert.deepEqual([first.code, lookUps], ['ECONNREFUSED', 1])
    const second = await connectErrorOf(reactor, name)
    assert.deepEqual([second.code, lookUps], ['ERR_DENIED', 2])
  })

  test(
    'a bare socket that waits',
    async (t) => {
      const reactor = t.reactor({ policy: publicInternetOnly })
      using socket = reactor.socket('inet')
      const to = addressOf(t.world.endpoint('echo'))
      assert.equal(
        thrownBy(() => socket.connectSync(to)),
        'ERR_DENIED',
      )
    },
    { capability: 'kernelSockets' },
  )
}

const everything = destinationPolicy({ unixPaths: 'any', vsock: 'any' })

/** Not denied only because it is no endpoint, or no address at all. */
const REFUSED = new Set([
  ...['ERR_DENIED', 'ERR_INVALID_ENDPOINT', 'ERR_INVALID_ARG_TYPE', 'ERR_RESOLVE'],
])

function hostOf(text: string): string {
  return text.includes(':') ? `[${text}]` : text
}

function indexOf(host: string): number {
  return Number(/\d+/.exec(host)?.[0])
}

/** Of what is no endpoint too. */
async function codeOf(reactor: Reactor, uri: string, policy?: DestinationPolicy): Promise<string> {
  try {
    const connection = await firstValueFrom(reactor.connect(uri, { policy, timeoutMs: 5_000 }))
    connection.reset()
    return 'connected'
  } catch (error) {
    return (error as ConnectError).code
  }
}

function codesOf(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map((outcome) => (outcome.kind === 'connected' ? outcome.kind : outcome.code))
}

function thrownBy(call: () => unknown): string {
  try {
    return String(call())
  } catch (error) {
    assert.ok(error instanceof Error)
    return (error as ConnectError).code
  }
}

function pick({ code, phase, localFault }: ConnectError): object {
  return { code, phase, localFault }
}
