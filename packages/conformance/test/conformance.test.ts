/** The conformance suite on the simulated network. */
import { fileURLToPath } from 'node:url'
import { describeBackend, simulatedWorld } from '@pollout/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'

const world = simulatedWorld()

describeBackend({
  name: 'simulated',
  backend: world.backend,
  world,
  module: {
    directory: fileURLToPath(new URL('..', import.meta.url)),
    specifier: '@pollout/testing',
    name: 'simulatedBackend',
  },
  // There is nothing native here that could outlive a thread.
  threads: 10,
  test: { describe, it, beforeAll, afterAll },
})
