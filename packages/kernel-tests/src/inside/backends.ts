/** The two real backends by name, and a reactor on one for as long as it is used. */
import { readdirSync } from 'node:fs'
import { nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import { type BackendFactory, createReactor, type Reactor } from '@pollout/core'
import type { BackendName } from '../rig/requirements.js'

export function backendOf(name: BackendName): BackendFactory {
  return name === 'native' ? nativeBackend() : netBackend()
}

/** Ends the reactor when `use` has ended, and throws where it still counts anything then. */
export async function withReactor<T>(
  backend: BackendName | BackendFactory,
  use: (reactor: Reactor) => Promise<T>,
): Promise<T> {
  const factory = typeof backend === 'string' ? backendOf(backend) : backend
  const reactor = createReactor({ backend: factory })
  try {
    const value = await use(reactor)
    const { inFlight, open } = reactor.stats()
    if (inFlight + open > 0) throw new Error(`left over: ${inFlight} in flight, ${open} open`)
    return value
  } finally {
    await reactor.destroy()
  }
}

export function descriptorCount(): number {
  return readdirSync('/proc/self/fd').length
}
