/** The command's reactor: mistakes and the fallback are told on stderr, in one line. */
import { ConnectError, type Reactor } from '@pollout/core'
import type { BackendName } from '../choose-backend.js'
import { createReactor } from '../create-reactor.js'
import { ListChangedError } from '../targets/list-file.js'
import { say } from './console.js'
import { messageOf, UsageError } from './exit-codes.js'

export function openReactor(backend: BackendName): Reactor {
  try {
    return createReactor({ backend, onFallback: say })
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
