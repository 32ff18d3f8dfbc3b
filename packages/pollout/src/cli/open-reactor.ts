/** The command's reactor: mistakes, the fallback and what has no effect are told on stderr, in one line each. */
import { ConnectError, type Reactor } from '@pollout/core'
import { type BackendName, chooseBackend } from '../choose-backend.js'
import { createReactor } from '../create-reactor.js'
import { ListChangedError } from '../targets/list-file.js'
import { say } from './console.js'
import { messageOf, UsageError } from './exit-codes.js'

/** `threads` undefined: as many as the native backend has by default. */
export function openReactor(backend: BackendName, threads?: number): Reactor {
  try {
    const native = threads === undefined ? {} : { threads }
    const reactor = createReactor({ backend: chooseBackend(backend, say, native) })
    if (threads !== undefined && reactor.backend !== 'native') {
      say('--threads has no effect on the portable backend, which runs on the event loop')
    }
    return reactor
  } catch (error) {
    const code = (error as NodeJS.ErrnoException | null)?.code
    if (code === 'ERR_POLLOUT_NATIVE_UNAVAILABLE') throw new UsageError(messageOf(error))
    throw error
  }
}

/** An error that has a line to tell, and no bug of this program. */
export function isSystemError(error: unknown): error is Error {
  if (error instanceof ConnectError || error instanceof ListChangedError) return true
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === 'number'
}
