/**
 * Where connects come from: a pool of local addresses and a range of local ports, used in turn.
 *
 * One pool serves all connects of a `connect()` or `connectMany()`. Each attempt begins its walk one place further than
 * the one before it, so that the load is spread, and then takes what follows where a place is exhausted.
 */
import type { AddressFamily, SocketAddress } from '../backend/address.js'
import { literalFamily } from '../backend/address.js'
import { errno } from '../backend/errno.js'
import type { PortRange } from '../backend/socket-options.js'
import { isPortExhaustion } from '../errors/blame.js'
import type { Failure } from '../errors/failure.js'
import { connectFailure } from '../errors/failures.js'

const ANY = { inet: '0.0.0.0', inet6: '::' } as const

export class SourceAddresses {
  /** Whether ports are left to the system, and so to connect(2) where that is possible: ip(7). */
  readonly leavesPort: boolean
  readonly #pool: Readonly<Record<'inet' | 'inet6' | 'unix', readonly string[]>>
  readonly #ports: PortRange | undefined
  /** Undefined where only ports were asked for. */
  readonly #named: boolean
  #turn = 0

  /** Both checked: `addresses` are literals, or unix paths. */
  constructor(addresses: readonly string[] | undefined, ports: PortRange | undefined) {
    this.#named = addresses !== undefined
    this.#ports = ports
    this.leavesPort = ports === undefined
    this.#pool = {
      inet: this.#named ? ofFamily(addresses, 'inet') : [ANY.inet],
      inet6: this.#named ? ofFamily(addresses, 'inet6') : [ANY.inet6],
      unix: ofFamily(addresses, undefined),
    }
  }

  /** The addresses of one family, in the order in which {@link SourceWalk.index} counts them. */
  of(family: 'inet' | 'inet6'): readonly string[] {
    return this.#pool[family]
  }

  /** What the user wrote, for messages. */
  get option(): 'localAddress' | 'localPort' {
    return this.#named ? 'localAddress' : 'localPort'
  }

  /** One attempt's walk; or why there is nothing to walk. */
  walk(family: AddressFamily): SourceWalk | Failure {
    if (family === 'vsock') return mismatch(`${this.option} is not for vsock`)
    if (family === 'unix' && this.#ports) return mismatch('localPort is not for unix sockets')
    const addresses = this.#pool[family]
    if (addresses.length === 0) {
      return mismatch(
        family === 'unix'
          ? 'localAddress holds no path, and the target is a unix socket'
          : `localAddress holds no ${family === 'inet' ? 'IPv4' : 'IPv6'} address, and the target is one`,
      )
    }
    return new SourceWalk(family, addresses, this.#ports, this.#turn++)
  }
}

function ofFamily(
  addresses: readonly string[] | undefined,
  family: 'inet' | 'inet6' | undefined,
): readonly string[] {
  return addresses?.filter((address) => literalFamily(address) === family) ?? []
}

function mismatch(reason: string): Failure {
  return { ...connectFailure(-errno.EAFNOSUPPORT, 'bind'), reason }
}

/** The places that one attempt may bind, each once: every port of an address, then those of the next. */
export class SourceWalk {
  readonly #family: 'inet' | 'inet6' | 'unix'
  readonly #addresses: readonly string[]
  readonly #firstPort: number
  readonly #portCount: number
  readonly #turn: number
  #address = 0
  #port = 0
  /** Of the places that were of no use, the failure that tells most. */
  #exhausted: Failure | undefined
  #exhaustedAt: SocketAddress | undefined

  constructor(
    family: 'inet' | 'inet6' | 'unix',
    addresses: readonly string[],
    ports: PortRange | undefined,
    turn: number,
  ) {
    this.#family = family
    this.#addresses = addresses
    this.#firstPort = ports?.[0] ?? 0
    this.#portCount = ports ? ports[1] - ports[0] + 1 : 1
    this.#turn = turn
  }

  /** The place to try; undefined where all have been. */
  get current(): SocketAddress | undefined {
    if (this.#address === this.#addresses.length) return undefined
    const address = this.#addresses[this.index] as string
    if (this.#family === 'unix') return { family: 'unix', path: address }
    return { family: this.#family, address, port: this.port }
  }

  /** Which of the family's addresses that is. */
  get index(): number {
    return (this.#turn + this.#address) % this.#addresses.length
  }

  /** 0 leaves it to the system. */
  get port(): number {
    return this.#firstPort + ((this.#turn + this.#port) % this.#portCount)
  }

  /** Why there is no place left, once that is so. */
  get exhausted(): Failure | undefined {
    return this.#exhausted
  }

  /** The local address that this failure is about. */
  get exhaustedAt(): SocketAddress | undefined {
    return this.#exhaustedAt
  }

  /** bind(2) or connect(2) failed. Undefined where there is another place to try; else what to tell. */
  failed(failure: Failure): Failure | undefined {
    const at = this.current
    if (at === undefined) return failure
    if (isPortExhaustion(failure)) this.#skipPort()
    else if (failure.localFault && failure.errno === -errno.EADDRNOTAVAIL) this.#skipAddress()
    else return failure
    // That ports are used up is worth waiting for, an address that is not ours is not.
    if (this.#exhausted === undefined || isPortExhaustion(failure)) {
      this.#exhausted = failure
      this.#exhaustedAt = at
    }
    return this.current === undefined ? this.#exhausted : undefined
  }

  /** This place is taken: the next port, or the next address. */
  #skipPort(): void {
    if (++this.#port === this.#portCount) this.#skipAddress()
  }

  /** This address is of no use, whatever the port. */
  #skipAddress(): void {
    this.#port = 0
    this.#address++
  }
}
