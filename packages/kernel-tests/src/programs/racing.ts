/** Programs that connect to a name with several addresses, and tell how the race went. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type AttemptRecord, type ConnectError, createReactor } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { backendOf, descriptorCount } from '../inside/backends.js'
import { withListener } from '../inside/listeners.js'
import { type Elapsed, stopwatch } from '../inside/stopwatch.js'
import type { BackendName } from '../rig/requirements.js'

export interface Race extends Elapsed {
  /** The address that connected, or a code. */
  readonly result: string
  /** Of the attempt that connected. */
  readonly handshakeMs: number | undefined
  /** `address result`, in the order of their starts. */
  readonly others: readonly string[]
  /** More descriptors than before, once the connection is closed; the backend's own are there before. */
  readonly leaked: number
}

export interface RaceOptions {
  readonly attemptDelayMs?: number
  readonly timeoutMs?: number
}

/** Connects to a name that has these addresses. */
export async function race(
  backend: BackendName,
  addresses: readonly string[],
  port: number,
  options: RaceOptions = {},
): Promise<Race> {
  const resolver = { resolve: async () => addresses }
  const reactor = createReactor({ backend: backendOf(backend), resolver })
  const before = descriptorCount()
  try {
    const told = await once()
    // node:net gives a descriptor back in a later turn.
    await sleep(20)
    return { ...told, leaked: descriptorCount() - before }
  } finally {
    await reactor.destroy()
  }

  async function once(): Promise<Omit<Race, 'leaked'>> {
    const elapsed = stopwatch()
    try {
      const connection = await firstValueFrom(reactor.connect(`tcp://peer.test:${port}`, options))
      const times = elapsed()
      const { peerAddress, timeline, failedAttempts } = connection
      connection.reset()
      const result = peerAddress && 'address' in peerAddress ? peerAddress.address : 'none'
      return {
        result,
        ...times,
        handshakeMs: timeline.handshakeMs,
        others: lines(failedAttempts),
      }
    } catch (error) {
      const { code, attempts } = error as ConnectError
      return { result: code, ...elapsed(), handshakeMs: undefined, others: lines(attempts) }
    }
  }
}

/** The first address has a full backlog, which is emptied after `admitMs`: the SYN that is sent again then gets through. */
export function raceWithSlow(
  backend: BackendName,
  slow: string,
  others: readonly string[],
  admitMs: number,
  options: RaceOptions,
): Promise<Race> {
  return withListener({ host: slow, port: 0 }, 'none', async (listener) => {
    const racing = race(backend, [slow, ...others], listener.where.port ?? 0, options)
    await sleep(admitMs)
    listener.admit()
    return await racing
  })
}

function lines(attempts: readonly AttemptRecord[]): readonly string[] {
  return attempts.map(({ address, result }) =>
    'address' in address ? `${address.address} ${result}` : result,
  )
}
