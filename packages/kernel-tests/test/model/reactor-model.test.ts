/** The model-based test of the reactor's public face: whatever the order of calls, its counters and emissions are right. */
import { nativeBackend } from '@pollout/backend-native'
import { netBackend } from '@pollout/backend-net'
import { afterAll, beforeAll, it } from 'vitest'
import { needs } from '../suite.js'
import { checkPrograms } from './check-programs.js'
import { ReactorPerformer } from './check-reactor.js'
import { Peers } from './peers.js'

const OPERATIONS = 10_000
const TIMEOUT_MS = 3_600_000
let peers: Peers

beforeAll(async () => {
  peers = await Peers.start()
})

afterAll(() => peers.stop())

it('a reactor on native does what the model allows', { timeout: TIMEOUT_MS }, async (context) => {
  needs(context, 'native')
  await checkPrograms(new ReactorPerformer(nativeBackend(), peers), OPERATIONS)
})

it('a reactor on net does what the model allows', { timeout: TIMEOUT_MS }, () =>
  checkPrograms(new ReactorPerformer(netBackend(), peers), OPERATIONS),
)
