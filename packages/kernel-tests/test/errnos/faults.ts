/** Errnos that nothing provokes on one machine: injected into the system call that may return them. */
import type { PlainOptions } from '../../src/inside/told.js'
import { connect, type Expected, local, type Needs } from './row.js'

export interface FaultRow {
  /** The system call that is made to fail; the one that a user is told of, too. */
  readonly syscall: string
  readonly error: string
  readonly expected: Expected
  readonly options?: PlainOptions
  readonly needs?: Needs
  /** Why node:net can't show it. */
  readonly notOnNet?: string
  /** The name that a user is told, where it is another. */
  readonly told?: string
}

const is = (code: string, whose: typeof connect | typeof local) => ({ code, ...whose })

const ENDS = 'libuv ends the process when epoll_ctl(2) fails'
const IGNORES = 'libuv does not look whether getsockopt(2) fails'

export const FAULTS: readonly FaultRow[] = [
  { syscall: 'connect', error: 'ENOBUFS', expected: is('ENOBUFS', local) },
  { syscall: 'connect', error: 'ENOMEM', expected: is('ENOMEM', local) },
  { syscall: 'connect', error: 'ENETDOWN', expected: is('ENETDOWN', local) },
  { syscall: 'connect', error: 'EIO', expected: is('EIO', connect) },
  { syscall: 'connect', error: 'ECONNABORTED', expected: is('ECONNABORTED', connect) },
  { syscall: 'connect', error: 'EHOSTDOWN', expected: is('EHOSTDOWN', connect) },
  { syscall: 'connect', error: 'EPROTO', expected: is('EPROTO', connect) },
  { syscall: 'socket', error: 'EMFILE', expected: is('EMFILE', local) },
  { syscall: 'socket', error: 'ENFILE', expected: is('ENFILE', local) },
  { syscall: 'socket', error: 'ENOBUFS', expected: is('ENOBUFS', local) },
  { syscall: 'socket', error: 'EACCES', expected: is('EACCES', local) },
  {
    syscall: 'getsockopt',
    error: 'ENOBUFS',
    expected: is('ENOBUFS', local),
    told: 'connect',
    notOnNet: IGNORES,
  },
  { syscall: 'epoll_ctl', error: 'ENOSPC', expected: is('ENOSPC', local), notOnNet: ENDS },
  { syscall: 'epoll_ctl', error: 'ENOMEM', expected: is('ENOMEM', local), notOnNet: ENDS },
  {
    syscall: 'bind',
    error: 'EACCES',
    options: { localAddress: '127.0.0.1' },
    expected: is('EACCES', local),
    needs: { capability: 'bind' },
  },
  {
    syscall: 'setsockopt',
    error: 'EPERM',
    options: { typeOfService: 8 },
    expected: is('EPERM', local),
    needs: { options: ['typeOfService'] },
  },
]
