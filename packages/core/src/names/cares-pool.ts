/**
 * Questions to DNS servers by c-ares, so many at once, each by a channel of its own: all that c-ares can call off is a whole
 * channel. Channels are made when they are needed, and used again.
 */
import type { ResolverOptions } from 'node:dns'
import { Resolver as CaresResolver } from 'node:dns/promises'
import { dnsFailure } from './dns-failure.js'
import { LookUpQueue } from './look-up-queue.js'
import type { LookUpContext, ResolvedAddress } from './resolver.js'

export class CaresPool {
  /** Who is asked. */
  readonly servers: readonly string[]
  readonly #options: ResolverOptions
  readonly #wanted: readonly string[] | undefined
  readonly #queue: LookUpQueue
  readonly #all: CaresResolver[] = []
  /** The one used last is used next, so that no more are made than are needed. */
  readonly #idle: CaresResolver[] = []

  constructor(options: ResolverOptions, servers: readonly string[] | undefined, most: number) {
    this.#options = options
    this.#wanted = servers
    this.#queue = new LookUpQueue({ most })
    const first = this.#open()
    this.#idle.push(first)
    this.servers = first.getServers()
  }

  ask(
    name: string,
    family: 'inet' | 'inet6',
    context: LookUpContext | undefined,
  ): Promise<readonly ResolvedAddress[]> {
    return this.#queue.run(async () => {
      const channel = this.#idle.pop() ?? this.#open()
      const stop = (): void => channel.cancel()
      context?.signal.addEventListener('abort', stop)
      try {
        const records = await (family === 'inet'
          ? channel.resolve4(name, { ttl: true })
          : channel.resolve6(name, { ttl: true }))
        return records.map(({ address, ttl }) => ({ address, ttlMs: ttl * 1_000 }))
      } catch (cause) {
        throw dnsFailure(cause, this.servers)
      } finally {
        context?.signal.removeEventListener('abort', stop)
        this.#idle.push(channel)
      }
    }, context)
  }

  cancel(): void {
    this.#queue.giveUp(
      Object.assign(new Error('the look-up was called off'), { code: 'ECANCELLED' }),
    )
    for (const channel of this.#all) channel.cancel()
  }

  #open(): CaresResolver {
    const channel = new CaresResolver(this.#options)
    if (this.#wanted) channel.setServers([...this.#wanted])
    this.#all.push(channel)
    return channel
  }
}
