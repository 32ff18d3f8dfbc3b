/** A destination policy applied: what it does not clearly allow is denied. */
import type { SocketAddress } from '../backend/address.js'
import type { Failure } from '../errors/failure.js'
import { ownFailure } from '../errors/failures.js'
import type { DestinationPolicy } from './policy.js'

/** Why there must be no connect to `address`; undefined where there may be. It fails closed, whatever the policy does. */
export function denialOf(policy: DestinationPolicy, address: SocketAddress): Failure | undefined {
  try {
    const verdict: unknown = policy.check(address)
    // A promise, or nothing at all, allows nothing.
    const { allowed, rule, reason } = Object(verdict) as Record<string, unknown>
    if (allowed === true) return undefined
    if (allowed !== false) return denied('no verdict', 'the policy gave no verdict')
    return denied(String(rule), String(reason))
  } catch (cause) {
    return denied('no verdict', 'the policy threw', cause)
  }
}

/** What both of them, where they are there, have to allow: the reactor's policy, and the connect's own. */
export function denialByEither(
  reactors: DestinationPolicy | undefined,
  own: DestinationPolicy | undefined,
  address: SocketAddress,
): Failure | undefined {
  return (reactors && denialOf(reactors, address)) ?? (own && denialOf(own, address))
}

function denied(rule: string, reason: string, cause?: unknown): Failure {
  const text = `denied by the destination policy, rule "${rule}": ${reason}`
  return ownFailure('ERR_DENIED', 'policy', 'connect', text, cause)
}

/** Throws TypeError for what can't judge: that is never taken for "no policy". */
export function checkPolicy(policy: DestinationPolicy | undefined): DestinationPolicy | undefined {
  if (policy === undefined || typeof policy?.check === 'function') return policy
  throw new TypeError('policy must have a method check(address), as destinationPolicy() makes one')
}
