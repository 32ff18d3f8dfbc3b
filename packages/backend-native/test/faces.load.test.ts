/** A gibibyte through each face of a connection, on epoll. */
import { fileURLToPath } from 'node:url'
import { describeFaceLoad, realWorld } from '@pollout/core/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { isNativeBackendAvailable, nativeBackend } from '../src/index.js'

const availability = isNativeBackendAvailable()
const title = availability.available ? '' : `: ${availability.reason}`

describe.skipIf(!availability.available)(`native backend${title}`, () => {
  describeFaceLoad({
    name: 'native',
    backend: nativeBackend(),
    world: realWorld(),
    module: {
      directory: fileURLToPath(new URL('..', import.meta.url)),
      specifier: '@pollout/backend-native',
      name: 'nativeBackend',
    },
    test: { describe, it, beforeAll, afterAll },
  })
})
