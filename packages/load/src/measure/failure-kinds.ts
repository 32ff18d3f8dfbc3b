/** What a failed exchange is called, and whose trouble it was. */
import { ExchangeEnd, errnoName } from '@pollout/core'

const NAMES: Readonly<Record<number, string>> = {
  [ExchangeEnd.UNWANTED]: 'not what was wanted',
  [ExchangeEnd.UNSENT]: 'no connection had room in time',
  [ExchangeEnd.TIMED_OUT]: 'timed out',
  [ExchangeEnd.NOT_CONNECTED]: 'not connected',
  [ExchangeEnd.LOST]: 'connection lost',
  [ExchangeEnd.CUT_SHORT]: 'cut short',
  [ExchangeEnd.MALFORMED]: 'malformed',
  [ExchangeEnd.TOO_LARGE]: 'too large',
}

/** What runs out on this side only: descriptors, memory, ports, and a firewall's word at connect(2). */
const LOCAL = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN', 'EPERM'])

export interface FailureKind {
  readonly kind: string
  readonly localFault: boolean
}

const known = new Map<number, FailureKind>()

/** Each is made once: there are as many as there are errnos. */
export function failureKind(end: number, status: number): FailureKind {
  const key = end * 65_536 - status
  const before = known.get(key)
  if (before) return before
  const name = status < 0 ? errnoName(status) : undefined
  const says = end === ExchangeEnd.NOT_CONNECTED || end === ExchangeEnd.LOST
  const kind = says && name !== undefined ? `${NAMES[end]}: ${name}` : (NAMES[end] as string)
  const localFault = name !== undefined && says && LOCAL.has(name)
  const made = { kind, localFault }
  known.set(key, made)
  return made
}

export function isSent(end: number, sentAt: number): boolean {
  return !Number.isNaN(sentAt) && end !== ExchangeEnd.UNSENT
}
