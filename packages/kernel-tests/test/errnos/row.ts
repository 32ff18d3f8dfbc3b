/** What a row says of an errno: how it is provoked, what is told, what it needs. */
import type {
  AddressFamily,
  Capabilities,
  OutcomeKind,
  SocketOptionName,
  SocketType,
} from '@pollout/core'
import type { PlainAnswer } from '../../src/inside/plain-sockets.js'
import type { Told } from '../../src/inside/told.js'
import type { BackendName, Requirement } from '../../src/rig/requirements.js'
import type { Lab } from './lab.js'

/** What is told; a row says as much of it as is promised. */
export interface Expected {
  readonly code: string
  readonly phase?: 'connect' | 'local' | 'send' | 'receive'
  readonly localFault?: boolean
  readonly timedOutBy?: 'kernel' | 'deadline'
  /** What `connectMany()` calls it, on either lane. */
  readonly kind?: OutcomeKind
}

/** What a user is told, or the answers of calls. */
export type Seen = Told | PlainAnswer | readonly PlainAnswer[]

export interface Row {
  readonly errno: string
  readonly how: string
  /** Provokes it, and says what was told. */
  readonly provoke: (lab: Lab, backend: BackendName) => Promise<Seen>
  readonly expected: Expected | readonly PlainAnswer[]
  /** What node:net can't tell in the same way. */
  readonly onNet?: Partial<Expected>
  /** Of the native backend, which makes the very calls: also the system call. */
  readonly syscall?: string
  /** On native: the calls of the connect and their answers. One is S, connect() says it; three are A, asynchronous. */
  readonly calls?: (lab: Lab) => Promise<readonly PlainAnswer[]>
  readonly answers?: readonly string[]
  readonly needs?: Needs
  /** Why node:net can't show it. */
  readonly notOnNet?: string
  /** How long it may take, in milliseconds. */
  readonly takesMs?: readonly [least: number, most: number]
  /** It takes the kernel seconds, and how long is not looked at. */
  readonly isSlow?: boolean
}

/** Skipped where the backend, or the machine, has it not. */
export interface Needs {
  readonly options?: readonly SocketOptionName[]
  readonly socket?: readonly [AddressFamily, SocketType]
  readonly capability?: keyof Capabilities & ('bind' | 'abstractUnix' | 'kernelSockets')
  readonly machine?: Requirement
  /** A bound unix socket, which only the native backend can make. */
  readonly nativeBind?: true
}

export const connect = { phase: 'connect', localFault: false } as const
export const local = { phase: 'local', localFault: true } as const

export const local127 = (port: number) => `tcp://127.0.0.1:${port}`
