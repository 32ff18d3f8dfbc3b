/** The part of the conformance suite that goes by the bulk lane, on the simulated network with the reference lane. */
import { fileURLToPath } from 'node:url'
import { describeFanOut, simulatedWorld } from '@pollout/conformance'
import { withBulkLane } from '@pollout/testing'
import { afterAll, beforeAll, describe, it } from 'vitest'

const world = simulatedWorld()

describeFanOut({
  name: 'simulated with a bulk lane',
  backend: withBulkLane(world.backend),
  world,
  module: {
    directory: fileURLToPath(new URL('..', import.meta.url)),
    specifier: '@pollout/testing',
    name: 'simulatedBackend',
  },
  test: { describe, it, beforeAll, afterAll },
})
