/** The model-based test of the backend interface, for both real backends. */
import { nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import { afterAll, beforeAll, it } from 'vitest'
import { needs } from '../suite.js'
import { BackendPerformer } from './check-backend.js'
import { checkPrograms } from './check-programs.js'
import { Peers } from './peers.js'

/** For a million operations under sanitizers on a busy machine, and many more than that by hand. */
const TIMEOUT_MS = 3_600_000

/** So many operations on each; see `check-programs.ts` for the environment variables. */
export function describeBackendModel(operations: { native: number; net: number }): void {
  let peers: Peers

  beforeAll(async () => {
    peers = await Peers.start()
  })

  afterAll(() => peers.stop())

  it('the native backend does what the model allows', { timeout: TIMEOUT_MS }, async (context) => {
    needs(context, 'native')
    await checkPrograms(new BackendPerformer(nativeBackend(), peers), operations.native)
  })

  it('the net backend does what the model allows', { timeout: TIMEOUT_MS }, () =>
    checkPrograms(new BackendPerformer(netBackend(), peers), operations.net),
  )
}
