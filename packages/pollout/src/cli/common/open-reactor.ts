/** The command's reactor: mistakes, the fallback and what has no effect are told on stderr, in one line each. */
import { ConnectError, type Reactor, type Resolver } from '@pollout/core'
import { type BackendName, chooseBackend } from '../../choose-backend.js'
import { createReactor } from '../../create-reactor.js'
import { ListChangedError } from '../../targets/list-file.js'
import { say } from './console.js'
import { messageOf, UsageError } from './exit-codes.js'
import { openResolver, type ResolverChoice } from './resolver.js'

export interface ReactorChoice {
  readonly backend: BackendName
  /** Undefined: as many as the native backend has by default. */
  readonly threads?: number | undefined
  readonly resolver?: ResolverChoice | undefined
}

/** With what it stands on, all of which ends with it. */
export interface OpenReactor extends AsyncDisposable {
  readonly reactor: Reactor
}

export function openReactor({ backend, threads, resolver: choice }: ReactorChoice): OpenReactor {
  const resolver = openResolver(choice)
  const reactor = createdReactor(backend, threads, resolver)
  return {
    reactor,
    async [Symbol.asyncDispose]() {
      await reactor.destroy()
      resolver[Symbol.dispose]()
    },
  }
}

function createdReactor(
  backend: BackendName,
  threads: number | undefined,
  resolver: Resolver,
): Reactor {
  try {
    const native = threads === undefined ? {} : { threads }
    const reactor = createReactor({ backend: chooseBackend(backend, say, native), resolver })
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
