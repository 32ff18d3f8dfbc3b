/** The net backend as what the suites of `@pollout/conformance` are run on. */
import { fileURLToPath } from 'node:url'
import { realWorld, type Subject } from '@pollout/conformance'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { netBackend } from '../src/index.js'

export const subject: Subject = {
  name: 'net',
  backend: netBackend(),
  world: realWorld(),
  module: {
    directory: fileURLToPath(new URL('..', import.meta.url)),
    specifier: '@pollout/backend-net',
    name: 'netBackend',
  },
  test: { describe, it, beforeAll, afterAll },
}
