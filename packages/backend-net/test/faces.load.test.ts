/** A gibibyte through each face of a connection, on `node:net`. */
import { fileURLToPath } from 'node:url'
import { describeFaceLoad, realWorld } from '@pollout/core/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { netBackend } from '../src/index.js'

describeFaceLoad({
  name: 'net',
  backend: netBackend(),
  world: realWorld(),
  module: {
    directory: fileURLToPath(new URL('..', import.meta.url)),
    specifier: '@pollout/backend-net',
    name: 'netBackend',
  },
  test: { describe, it, beforeAll, afterAll },
})
