/** The native backend as what the suites of `@pollout/conformance` are run on; skipped where it can't be had. */
import { fileURLToPath } from 'node:url'
import { realWorld, type Subject } from '@pollout/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { isNativeBackendAvailable, nativeBackend } from '../src/index.js'

/** What of a subject is another one than that of the backend as it comes. */
type Other = Pick<Subject, 'name' | 'backend' | 'module'>

export function describeSubject(define: (subject: Subject) => void, other?: Other): void {
  const availability = isNativeBackendAvailable()
  const title = availability.available ? '' : `: ${availability.reason}`
  describe.skipIf(!availability.available)(`native backend${title}`, () => {
    define({
      name: 'native',
      backend: nativeBackend(),
      world: realWorld(),
      module: {
        directory: fileURLToPath(new URL('..', import.meta.url)),
        specifier: '@pollout/backend-native',
        name: 'nativeBackend',
      },
      // lifetime.test.ts has as many in every run.
      ...(process.env['POLLOUT_CONFORMANCE'] === 'all' && { threads: 100 }),
      test: { describe, it, beforeAll, afterAll },
      ...other,
    })
  })
}
