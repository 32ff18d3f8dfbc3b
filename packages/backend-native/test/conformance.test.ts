/** The conformance suite on real sockets and epoll. */
import { fileURLToPath } from 'node:url'
import { describeBackend, realWorld } from '@pollout/core/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { isNativeBackendAvailable, nativeBackend } from '../src/index.js'

const availability = isNativeBackendAvailable()

if (availability.available) {
  describeBackend({
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
} else {
  const skipReason = `native: conformance: ${availability.reason}`
  describe.skip('native: conformance', { meta: { skipReason } }, () => it('is not run', () => {}))
}
