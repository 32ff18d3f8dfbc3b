/**
 * The connect attempt as a pure state machine: one socket's way to one address, as a table.
 *
 * An event moves the machine to a state and names one action; whoever drives it (`attempt.ts`) performs the
 * action and feeds back what came of it as the next event. docs/semantics.md, "The completion rule".
 *
 *     idle -> opening -> configuring -> connecting -> pending -> finishing -> connected
 *      |                                    ^  \                  ^ |  |
 *      |                                    |   `-> waiting <-----|-'  |-> pending (spurious)
 *      |                                    `---------'           |    `-> opening (self-connect)
 *      `-----------------------(adopted)--------------------------'
 *
 * `connecting` and `finishing` go back to `opening` where the local address has no port left and there is another one
 * to try. Any state up to `finishing` may end in `failed`; those that wait may end in `cancelled`.
 */

export type AttemptState =
  /** Made, not started. */
  | 'idle'
  /** A socket is being opened. */
  | 'opening'
  /** Options are being set, and a local address is being bound. */
  | 'configuring'
  /** connect(2) is being called. */
  | 'connecting'
  /** The kernel is connecting; readiness is awaited. */
  | 'pending'
  /** A unix peer's backlog was full: nothing was started, a timer will try again. Or connect(2) waits for its turn. */
  | 'waiting'
  /** Readiness came; the completion rule is being applied. */
  | 'finishing'
  | 'connected'
  | 'failed'
  | 'cancelled'

export type AttemptEvent =
  | 'start'
  /** In place of `start`: a socket from elsewhere was taken over, in whatever state it is. */
  | 'adopted'
  /** socket(2) gave a descriptor. */
  | 'opened'
  /** The socket is as its user wants it. */
  | 'configured'
  /** connect(2) returned 0, EINPROGRESS or EINTR: all the same from here on. */
  | 'started'
  /** connect(2) is to be called again, and has to wait for its turn on this side. */
  | 'notDue'
  /** connect(2) returned EAGAIN on a unix socket. */
  | 'backlogFull'
  | 'retryDue'
  /** No port is left on this local address for this destination, and there is another one to try. */
  | 'sourceExhausted'
  /** The registration reported, whatever the bits. */
  | 'ready'
  /** The completion rule said: connected, not yet, to itself. */
  | 'established'
  | 'spurious'
  | 'selfConnected'
  /** A system call failed for good. */
  | 'failed'
  | 'deadline'
  | 'cancel'

export type AttemptAction =
  | 'open'
  /** setsockopt(2) and bind(2), where they were asked for. */
  | 'configure'
  | 'connect'
  | 'register'
  | 'finish'
  /** Arm the retry timer. */
  | 'wait'
  /** Tell the owner that this side is what it waits for. */
  | 'queue'
  /** Close the socket, which is connected to itself or has no port, and open another. */
  | 'reopen'
  /** Hand the socket to the owner. */
  | 'deliver'
  /** Close the socket, if there is one, and tell the owner. */
  | 'fail'
  /** Close the socket, if there is one, and tell nobody. */
  | 'abandon'

export interface Transition {
  readonly to: AttemptState
  readonly action: AttemptAction
}

type Row = { readonly [event in AttemptEvent]?: Transition }

const fail: Transition = { to: 'failed', action: 'fail' }
const abandon: Transition = { to: 'cancelled', action: 'abandon' }
const reopen: Transition = { to: 'opening', action: 'reopen' }

export const TRANSITIONS: { readonly [state in AttemptState]: Row } = {
  idle: {
    start: { to: 'opening', action: 'open' },
    adopted: { to: 'finishing', action: 'finish' },
    cancel: abandon,
  },
  opening: {
    opened: { to: 'configuring', action: 'configure' },
    failed: fail,
    // By the policy that is being asked.
    cancel: abandon,
  },
  configuring: {
    configured: { to: 'connecting', action: 'connect' },
    failed: fail,
  },
  connecting: {
    started: { to: 'pending', action: 'register' },
    notDue: { to: 'waiting', action: 'queue' },
    backlogFull: { to: 'waiting', action: 'wait' },
    sourceExhausted: reopen,
    failed: fail,
    cancel: abandon,
  },
  pending: {
    ready: { to: 'finishing', action: 'finish' },
    // The registration itself can fail: epoll_ctl(2) knows ENOSPC and ENOMEM.
    failed: fail,
    deadline: fail,
    cancel: abandon,
  },
  waiting: {
    retryDue: { to: 'connecting', action: 'connect' },
    deadline: fail,
    cancel: abandon,
  },
  finishing: {
    established: { to: 'connected', action: 'deliver' },
    spurious: { to: 'pending', action: 'register' },
    selfConnected: reopen,
    backlogFull: { to: 'waiting', action: 'wait' },
    // Where the backend tells with readiness what the kernel's connect(2) tells at once.
    sourceExhausted: reopen,
    failed: fail,
  },
  connected: {},
  failed: {},
  cancelled: {},
}

/** The transition for `event` in `state`. Throws where there is none: that is a bug of the driver, never the network's. */
export function transition(state: AttemptState, event: AttemptEvent): Transition {
  const next = TRANSITIONS[state][event]
  if (next === undefined) throw new Error(`no transition for "${event}" in state "${state}"`)
  return next
}

export function isSettled(state: AttemptState): boolean {
  return state === 'connected' || state === 'failed' || state === 'cancelled'
}
