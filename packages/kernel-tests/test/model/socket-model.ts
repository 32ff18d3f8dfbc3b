/**
 * The pure model of one stream socket: what it is expected to answer, as a set where the kernel's timing decides.
 *
 * Strict where the calls came in an order that a program could mean: open, connect, (register, ready) finish, transfer,
 * close. Where they did not (shut down while connecting, say), the kernel's answers are well defined but a matter of its
 * innards, and the model goes to `mixed`: any answer of a socket will do then; handles, tokens and descriptors are
 * accounted for as strictly as before.
 *
 * One file, and long: every answer hangs on the same phase, and a reader who judges one wants the others at hand.
 */
import assert from 'node:assert/strict'
import {
  type Capabilities,
  ConnectStatus,
  errno,
  Interest,
  Readiness,
  type SocketAddress,
} from '@pollout/core'
import { isEcho, isGreeting } from './bytes.js'
import { GREETING, type PeerKind, type StreamFamily, type Target } from './peers.js'

/** - `over`: failed, or reset, and told so. */
export type Phase = 'fresh' | 'trying' | 'connected' | 'over' | 'mixed'

const { READABLE, WRITABLE } = Interest
const { EAGAIN, EALREADY, ECONNABORTED, ECONNREFUSED, ECONNRESET, EINPROGRESS, EINVAL } = errno
const { EADDRNOTAVAIL, EAFNOSUPPORT, EISCONN, ENOENT, EOPNOTSUPP, ENOTCONN, EPIPE, EPROTOTYPE } =
  errno

/** Any of these may come of a socket in a state of its own making. */
const COMMON = [EAGAIN, EALREADY, ECONNABORTED, ECONNREFUSED, ECONNRESET, EINPROGRESS, EINVAL]
const RARE = [EISCONN, ENOENT, ENOTCONN, EPIPE, EAFNOSUPPORT, EPROTOTYPE, EADDRNOTAVAIL, EOPNOTSUPP]
const ANY = new Set([...COMMON, ...RARE])

/** No socket has it of itself. */
export const BOUND_ADDRESS = '127.0.0.9'
/** Of a block that is nobody's: RFC 5737. Nothing is sent there. */
export const FOREIGN_ADDRESS = '192.0.2.1'

/** What a connect to such a peer ends with; empty where it succeeds, or goes on for ever. */
const FAILURES: Readonly<Record<PeerKind, readonly number[]>> = {
  echo: [],
  greeter: [],
  resetter: [ECONNRESET, EPIPE],
  closed: [ECONNREFUSED],
  missing: [ENOENT],
  full: [EAGAIN],
  // EINVAL where the address is shorter than the family's, which connect(2) looks at first.
  invalid: [EAFNOSUPPORT, EINVAL],
}

export class SocketModel {
  readonly id: number
  readonly family: StreamFamily
  readonly #capabilities: Capabilities
  phase: Phase = 'fresh'
  /** The armed registration; 0 without one. */
  token = 0
  interest = 0
  target: Target | undefined
  sent = 0
  received = 0
  shutDown = false
  hasOptions = false
  /** The local address it was bound to. */
  bound: SocketAddress | undefined

  constructor(id: number, family: StreamFamily, capabilities: Capabilities) {
    this.id = id
    this.family = family
    this.#capabilities = capabilities
  }

  get kind(): PeerKind | undefined {
    return this.target?.kind
  }

  /** Sent to an echo, and not back yet. */
  get outstanding(): number {
    return this.sent - this.received
  }

  connect(target: Target, result: number): void {
    switch (this.phase) {
      case 'fresh':
        return this.#begin(target, result)
      case 'trying':
        if (this.#isUnknownName(target, result)) return
        return this.#connectAgain(result)
      case 'connected':
        if (this.#isUnknownName(target, result)) return
        // 0 once, to the first connect() after the handshake: inet_stream_connect().
        return this.#connectConnected(result)
      case 'over':
        if (this.#isUnknownName(target, result)) return
        // The kernel tells of the end first, where nobody did, and starts anew after that.
        if (isOneOf(result, [EISCONN, ECONNABORTED, ECONNRESET, EPIPE])) return
        if (this.shutDown && result === -EINVAL) return
        return this.#begin(target, result)
      case 'mixed':
        return this.#anything(result, 0, 'connect')
    }
  }

  #begin(target: Target, result: number): void {
    const { kind, address } = target
    const atOnce = this.#capabilities.immediateErrors
    const started = result === 0 || result === -EINPROGRESS
    const fails = FAILURES[kind]
    const isUnix = this.family === 'unix'
    if (kind === 'invalid' || (isUnix && fails.length > 0 && kind !== 'resetter')) {
      this.#expect(atOnce ? isOneOf(result, fails) : started, 'connect', result)
    } else {
      // A Unix listener's backlog may be full for a moment.
      this.#expect(started || (isUnix && result === -EAGAIN), 'connect', result)
      this.#expect(isUnix || result === -EINPROGRESS, 'connect', result)
    }
    if (!started) return
    this.phase = 'trying'
    this.target = { kind, address }
    this.sent = 0
    this.received = 0
    this.shutDown = false
  }

  /** A Unix socket looks for the peer before it looks at itself. */
  #isUnknownName({ kind }: Target, result: number): boolean {
    const looks = this.family === 'unix' && this.#capabilities.immediateErrors
    return looks && isOneOf(result, FAILURES[kind])
  }

  #connectAgain(result: number): void {
    if (result === -EALREADY || result === -EISCONN) {
      this.#expect(!this.#isSilent || result === -EALREADY, 'second connect', result)
    } else if (result === 0) {
      this.#expect(this.#mayConnect, 'second connect', result)
    } else {
      // It tells the failure, and the socket can connect anew.
      this.#expect(this.#isFailure(result), 'second connect', result)
      this.phase = 'over'
    }
  }

  #connectConnected(result: number): void {
    if (this.#isSound)
      this.#expect(result === -EISCONN || result === 0, 'connect, connected', result)
    else if (isOneOf(result, [ECONNRESET, ECONNABORTED, EPIPE])) this.phase = 'over'
    else if (result === -EINPROGRESS) this.phase = 'mixed'
    else this.#anything(result, 0, 'connect')
  }

  finish(result: number): void {
    switch (this.phase) {
      case 'fresh':
        return this.#expect(isOneOf(result, [ENOTCONN, ECONNRESET]), 'finishConnect, fresh', result)
      case 'trying':
        if (result === ConnectStatus.PENDING) return
        if (hasConnected(result)) {
          this.#expect(this.#mayConnect && this.#mayBeLost(result), 'finishConnect', result)
          this.phase = 'connected'
          return
        }
        this.#expect(this.#isFailure(result), 'finishConnect', result)
        this.phase = 'over'
        return
      case 'connected':
        if (hasConnected(result) && this.#mayBeLost(result)) return
        this.#expect(!this.#isSound && this.#isReset(result), 'finishConnect, connected', result)
        this.phase = 'over'
        return
      case 'over':
        // A Unix socket knows its peer's name for as long as it lives.
        if (this.family === 'unix' && result === ConnectStatus.CONNECTED) return
        // A TCP socket knows that its SYN was acknowledged.
        if (result !== ConnectStatus.CONNECTED && hasConnected(result)) {
          return this.#expect(this.#mayBeLost(result), 'finishConnect, over', result)
        }
        return this.#expect(
          this.#isReset(result) || result === -ENOTCONN,
          'finishConnect, over',
          result,
        )
      case 'mixed':
        if (lostBy(result) !== 0) return
        return this.#anything(result, ConnectStatus.PENDING, 'finishConnect')
    }
  }

  send(length: number, result: number): void {
    const { phase } = this
    if (phase === 'mixed') return this.#anything(result, length, 'send')
    const took = result >= 0 && result <= length
    if (phase === 'fresh') {
      // A Unix socket does not look whether it is connected when there is nothing to send.
      const nothing = length === 0 && result === 0
      return this.#expect(nothing || isOneOf(result, [EPIPE, ENOTCONN]), 'send, fresh', result)
    }
    if (phase === 'over') {
      const nothing = length === 0 && result === 0
      return this.#expect(
        nothing || this.#isReset(result) || result === -ENOTCONN,
        'send, over',
        result,
      )
    }
    if (this.shutDown) {
      const nothing = length === 0 && result === 0
      const gone = !this.#isSound && this.#isReset(result)
      return this.#expect(nothing || gone || result === -EPIPE, 'send, shut down', result)
    }
    if (took) {
      this.#expect(phase === 'connected' || this.#mayConnect || length === 0, 'send', result)
      this.sent += result
      return
    }
    if (result === -EAGAIN || this.#wasTurnedAway(result)) return
    if (phase === 'connected') {
      return this.#expect(
        this.kind === 'resetter' && this.#isReset(result),
        'send, connected',
        result,
      )
    }
    // The failure was told here, and so will be by nobody else.
    this.#expect(this.#isFailure(result), 'send, connecting', result)
    this.phase = 'over'
  }

  /** A full Unix backlog, where connect() itself does not tell it: finishConnect() will, and nobody uses that up. */
  #wasTurnedAway(result: number): boolean {
    return result === -ENOTCONN && this.kind === 'full' && this.family === 'unix'
  }

  /** `bytes` are those received, as many as `result` says. */
  receive(bytes: Uint8Array, result: number): void {
    const { phase, kind } = this
    if (phase === 'mixed') return this.#anything(result, bytes.length, 'receive')
    if (phase === 'fresh') {
      return this.#expect(isOneOf(result, [ENOTCONN, EINVAL]), 'receive, fresh', result)
    }
    if (result > 0) return this.#received(bytes)
    if (result === -EAGAIN || this.#wasTurnedAway(result)) return
    if (phase === 'over') {
      const told = result === 0 || this.#isReset(result) || isOneOf(result, [ENOTCONN, EINVAL])
      return this.#expect(told, 'receive, over', result)
    }
    if (result === 0) {
      const ended = kind === 'echo' ? this.shutDown && this.outstanding === 0 : true
      const greeted = kind !== 'greeter' || this.received === GREETING.length
      return this.#expect(ended && greeted && this.#mayConnect, 'receive, at the end', result)
    }
    const failed = phase === 'trying' ? this.#isFailure(result) : this.#isReset(result)
    // A Unix socket that is on its way only by name answers as one that is not connected.
    this.#expect(!this.#isSound && failed, 'receive', result)
    this.phase = 'over'
  }

  #received(bytes: Uint8Array): void {
    const { kind, received } = this
    if (kind === 'echo') {
      this.#expect(bytes.length <= this.outstanding, 'receive: more than was sent', bytes.length)
      assert.ok(isEcho(bytes, this.id, received), `${this}: other bytes than were sent`)
    } else {
      this.#expect(kind === 'greeter', 'receive', bytes.length)
      assert.ok(isGreeting(bytes, received), `${this}: other bytes than the greeting`)
    }
    this.received += bytes.length
  }

  shutdown(result: number): void {
    switch (this.phase) {
      case 'connected':
        if (this.#isSound && !this.shutDown)
          this.#expect(result === 0, 'shutdown, connected', result)
        else this.#expect(isOneOf(result, [0, ENOTCONN]), 'shutdown', result)
        this.shutDown = true
        return
      default:
        // On a socket without a connection the kernel notes it all the same, for the next one.
        this.#expect(isOneOf(result, [0, ENOTCONN]), 'shutdown', result)
        this.phase = 'mixed'
    }
  }

  bind(at: SocketAddress, result: number): void {
    const { phase, bound } = this
    if (phase !== 'fresh' || !this.#capabilities.immediateErrors) {
      this.#anything(result, 0, 'bind')
      if (result === 0) this.bound = at
      return
    }
    if ('address' in at && at.address === FOREIGN_ADDRESS) {
      return this.#expect(isOneOf(result, [EADDRNOTAVAIL, EINVAL]), 'bind, foreign', result)
    }
    if (bound !== undefined) {
      // A Unix socket that has a name and is to get any has it already.
      return this.#expect(isOneOf(result, [0, EINVAL]), 'second bind', result)
    }
    this.#expect(result === 0, 'bind', result)
    this.bound = at
  }

  disconnect(result: number): void {
    this.#anything(result, 0, 'disconnect')
    if (result === 0) this.phase = 'mixed'
  }

  peer(address: SocketAddress | undefined): void {
    const { phase, target } = this
    if (phase === 'mixed' || phase === 'over') return
    if (address === undefined) {
      const gone = phase === 'connected' && (!this.#isSound || this.shutDown)
      return this.#expect(phase !== 'connected' || gone, 'peerAddress', 0)
    }
    this.#expect(phase !== 'fresh' && this.#mayConnect, 'peerAddress', 1)
    assert.ok(isSame(address, target?.address), `${this}: peer ${JSON.stringify(address)}`)
  }

  local(address: SocketAddress | undefined): void {
    if (this.phase !== 'connected' || this.shutDown || !this.#isSound) return
    assert.ok(address?.family === this.family, `${this}: local ${JSON.stringify(address)}`)
    if (address.family === 'unix') return
    assert.ok('address' in address && address.port > 0, `${this}: local port`)
    const { bound } = this
    if (bound === undefined) {
      const isOther = address.address === BOUND_ADDRESS && this.#capabilities.immediateErrors
      assert.ok(!isOther, `${this}: bound to ${address.address}, and nobody did that`)
    } else if ('address' in bound) {
      assert.equal(address.address, bound.address, `${this}: local address`)
    }
  }

  /** Whether the registration may be told this. */
  ready(bits: number): void {
    const { phase, kind, interest } = this
    this.#expect(bits > 0 && bits <= 15, 'readiness', bits)
    this.#expect((bits & 3 & ~interest) === 0, 'readiness not asked for', bits)
    const known = phase === 'trying' || phase === 'connected'
    if (!known) {
      const told = phase !== 'fresh' || this.#capabilities.kernelReadiness
      return this.#expect(told, 'readiness, fresh', bits)
    }
    this.#expect(!this.#isSilent, 'readiness in SYN_SENT', bits)
    if (kind === 'echo' && !this.shutDown) {
      this.#expect((bits & ~interest) === 0, 'readiness, echo', bits)
      this.#expect((bits & READABLE) === 0 || this.outstanding > 0, 'readable', bits)
    } else if (kind === 'closed' && phase === 'trying') {
      this.#expect((bits & Readiness.ERROR) !== 0, 'readiness, refused', bits)
    }
  }

  /** Whether the armed registration will report without anything more being done. */
  get isDue(): boolean {
    const { phase, kind, interest } = this
    if (this.token === 0) return false
    if (phase === 'trying') return this.#willEnd && (interest & WRITABLE) !== 0
    if (phase !== 'connected') return false
    if ((interest & WRITABLE) !== 0) return true
    return kind !== 'echo' || this.outstanding > 0 || this.shutDown
  }

  /** A connect under way that will end. */
  get #willEnd(): boolean {
    return !this.#isSilent
  }

  /** For ever in SYN_SENT. */
  get #isSilent(): boolean {
    return this.kind === 'full' && this.family !== 'unix'
  }

  /** The peer lets the connection live. */
  get #isSound(): boolean {
    return this.kind === 'echo' ? !this.shutDown : this.kind === 'greeter' && !this.shutDown
  }

  get #mayConnect(): boolean {
    return this.kind === 'echo' || this.kind === 'greeter' || this.kind === 'resetter'
  }

  #isFailure(result: number): boolean {
    return this.kind !== undefined && isOneOf(result, FAILURES[this.kind]) && !this.#isSilent
  }

  /** Only who does not let the connection live can have taken it away by the time of a look at it. */
  #mayBeLost(status: number): boolean {
    const lost = lostBy(status)
    return lost === 0 || (!this.#isSound && this.#isReset(lost))
  }

  #isReset(result: number): boolean {
    return isOneOf(result, [ECONNRESET, EPIPE])
  }

  #anything(result: number, most: number, call: string): void {
    this.#expect((result >= 0 && result <= most) || ANY.has(-result), call, result)
  }

  #expect(holds: boolean, what: string, result: number): void {
    if (!holds) assert.fail(`${this}: ${what}: ${result}`)
  }

  toString(): string {
    const { id, family, phase, kind, sent, received, shutDown } = this
    return `socket ${id} (${family}, ${phase}, ${kind}, ${received}/${sent} bytes${shutDown ? ', shut down' : ''})`
  }
}

function isOneOf(result: number, errnos: readonly number[]): boolean {
  return result <= 0 && errnos.includes(-result)
}

function isSame(a: SocketAddress, b: SocketAddress | undefined): boolean {
  if (b === undefined || a.family !== b.family) return false
  if (a.family === 'unix') return b.family === 'unix' && a.path === b.path
  return 'address' in a && 'address' in b && a.address === b.address && a.port === b.port
}

/** There is a connection, or was one. */
function hasConnected(status: number): boolean {
  return status === ConnectStatus.CONNECTED || status >= ConnectStatus.LOST
}

/** The negated errno by which it was lost since; 0 for none. */
function lostBy(status: number): number {
  return status >= ConnectStatus.LOST ? ConnectStatus.LOST - status : 0
}
