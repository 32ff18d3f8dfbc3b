/** The one registration that a socket can have: what is waited for, and when the queue is to look at it. */
import type { Interest } from '@pollout/core'
import type { SocketContext } from './backend-socket.js'
import type { Pollable } from './ready-queue.js'

export abstract class Registration implements Pollable {
  queued = false
  token = 0
  protected interest: Interest = 0
  protected readonly context: SocketContext

  constructor(context: SocketContext) {
    this.context = context
  }

  register(token: number, interest: Interest): void {
    if (this.token === 0) this.context.loopHold.armed()
    this.token = token
    this.interest = interest
    this.notify()
  }

  /** Also what the queue calls when it has reported the registration. */
  disarm(): void {
    if (this.token === 0) return
    this.token = 0
    this.interest = 0
    this.context.loopHold.disarmed()
    this.waitFor(0)
  }

  abstract level(): number

  /** Something has changed: a report if that is what the registration waits for, else on with the waiting. */
  protected notify(): void {
    if (this.token === 0) return
    if (this.level() !== 0) this.context.queue.push(this)
    else this.waitFor(this.interest)
  }

  /** Called when an armed registration has nothing to report yet, and with 0 when there is none any more. */
  protected waitFor(_interest: Interest): void {}
}
