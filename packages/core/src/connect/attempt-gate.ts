/** Who says when an attempt may be made: the pace and the caps of a fan-out see every connect(2), whatever it comes from. */
import type { SocketAddress } from '../backend/address.js'

/** One connect(2) that wants to be made, or is. */
export class Pass {
  /** What caps count it under, until it leaves; undefined where its place is somebody's already: the address is the target's own. */
  readonly address: SocketAddress | undefined
  /** It is its turn. Not called inside of `enter()`, and not after `leave()`. */
  readonly admitted: () => void
  hostKey: number | string | undefined
  prefixKey: number | string | undefined
  state: 'outside' | 'waiting' | 'inside' = 'outside'

  constructor(address: SocketAddress | undefined, admitted: () => void) {
    this.address = address
    this.admitted = admitted
  }
}

export interface AttemptGate {
  /** True: now. Else the pass waits, which costs the connect none of its time. */
  enter(pass: Pass): boolean
  /** The attempt has ended, or is not wanted any more. Harmless outside. */
  leave(pass: Pass): void
}
