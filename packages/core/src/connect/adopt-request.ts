/** One descriptor from elsewhere on its way to a connection: connected, still connecting, or failed already. */
import type { SocketType } from '../backend/address.js'
import type { Handle } from '../backend/backend.js'
import { errno } from '../backend/errno.js'
import { type Endpoint, endpointOf } from '../endpoint/endpoint.js'
import type { Failure } from '../errors/failure.js'
import {
  connectFailure,
  ownFailure,
  reportedFailure,
  unsupportedFailure,
} from '../errors/failures.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { Attempt } from './attempt.js'
import { NO_ATTEMPTS, Request, type RequestOptions, type RequestOwner } from './request.js'

/** A descriptor that can be taken once, by whichever subscription comes first. */
export class Adoptable {
  readonly #descriptor: number
  #taken = false

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** A handle of the backend, which owns the descriptor from now on; or why not, and then it stays the caller's. */
  take({ backend }: OutboundCore): Handle | Failure {
    if (!backend.kernel || !backend.capabilities.kernelSockets) {
      return unsupportedFailure(backend.name, 'descriptors from elsewhere')
    }
    // By now the number may be another file's, so the kernel is not asked.
    if (this.#taken) {
      return { ...connectFailure(-errno.EBADF, 'adopt'), reason: 'it was adopted before' }
    }
    const result = backend.kernel.adopt(this.#descriptor)
    if (result < 0) return connectFailure(result, 'adopt')
    this.#taken = true
    return result as Handle
  }

  /**
   * For a request that was called off before it took the descriptor: closes it, as everything does that is not told with the
   * phase `local`. Returns what to tell: `why`, or why the descriptor stays the caller's.
   */
  discard(core: OutboundCore, why: Failure): Failure {
    // There is nobody left to take it over.
    if (core.gone) return { ...why, phase: 'local', localFault: true }
    const taken = this.take(core)
    if (typeof taken !== 'number') return taken
    core.close(taken, 0, 'reset')
    return why
  }
}

export interface AdoptRequestOptions extends RequestOptions {
  /** What to call it; made of the peer's address where it is left out. */
  readonly endpoint: Endpoint | undefined
}

export class AdoptRequest extends Request {
  endpoint: Endpoint | undefined
  type: SocketType = 'stream'
  readonly failedAttempts = NO_ATTEMPTS
  /** No address was tried here. */
  readonly attempts = NO_ATTEMPTS
  readonly #adoptable: Adoptable
  #handle: Handle | undefined
  /** The backend was asked to take the descriptor. */
  #isAsked = false
  /** It was not taken, for this: the caller's it is, whatever else happens until that is told. */
  #refusal: Failure | undefined

  constructor(
    core: OutboundCore,
    adoptable: Adoptable,
    options: AdoptRequestOptions,
    owner: RequestOwner,
  ) {
    super(core, options, owner)
    this.endpoint = options.endpoint
    this.#adoptable = adoptable
  }

  attemptSettled({ failure }: Attempt): void {
    if (failure) return this.fail(closedBy(failure))
    const address = this.core.backend.peerAddress(this.#handle as Handle)
    // Reset since: the state was read a moment ago.
    if (address === undefined) {
      return this.#giveUp({ ...reportedFailure(-errno.ENOTCONN), syscall: 'getpeername' })
    }
    try {
      this.endpoint ??= endpointOf(address, this.type)
    } catch (cause) {
      const reason = 'no endpoint stands for its peer: give one'
      return this.#giveUp(ownFailure('ERR_UNSUPPORTED', 'local', 'adopt', reason, cause))
    }
    this.connected(address)
  }

  protected override abandon(): void {
    if (this.#isAsked) return super.abandon()
    // It waits for its turn; the descriptor was given all the same.
    this.#isAsked = true
    const taken = this.#adoptable.take(this.core)
    if (typeof taken === 'number') this.core.close(taken, 0, 'reset')
    else this.#refusal = taken
  }

  override toldInPlaceOf(why: Failure): Failure {
    return this.#refusal ?? why
  }

  protected proceed(): void {
    this.#isAsked = true
    const taken = this.#adoptable.take(this.core)
    if (typeof taken !== 'number') {
      this.#refusal = taken
      return this.core.later(() => this.fail(taken))
    }
    this.#handle = taken
    const spec = this.core.backend.kernel?.specOf(taken) ?? { family: 'inet', type: this.type }
    this.type = spec.type
    this.attempt = new Attempt(this.core, spec, undefined, this)
    this.attempt.adopt(taken)
  }

  /** The socket is connected, and nobody can be given it. */
  #giveUp(failure: Failure): void {
    this.core.close(this.takeHandle(), 0, 'reset')
    this.fail(closedBy(failure))
  }
}

/** Of a descriptor that was taken, and so is closed now: `local` would say that it is the caller's. */
function closedBy(failure: Failure): Failure {
  return failure.phase === 'local' ? { ...failure, phase: 'connect' } : failure
}
