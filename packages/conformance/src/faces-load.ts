/** A gibibyte through each face of a connection, there and back; minutes, so no part of the suite. */
import assert from 'node:assert/strict'
import { echo, FACES, observed } from './faces.js'
import { connected, MEBIBYTE } from './transfer-tools.js'
import { definer, type Subject } from './trial.js'

const BYTES = 1024 * MEBIBYTE
/** Of resident memory, beyond what there was before: buffers that wait for the garbage collector are most of it. */
const GROWTH_AT_MOST = 256 * MEBIBYTE
const SAMPLE_MS = 50

/**
 * Defines a test for each face. Needs real sockets; memory is that of the whole process.
 *
 * @example
 * ```ts
 * import { describeFaceLoad, type Subject } from '@pollout/conformance'
 *
 * declare const subject: Subject // as for describeBackend()
 * describeFaceLoad(subject)
 * ```
 */
export function describeFaceLoad(subject: Subject): void {
  const { test, world } = subject
  test.describe(`${subject.name}: 1 GiB through each face`, () => {
    test.beforeAll(() => world.start())
    test.afterAll(() => world.stop())
    const define = definer(subject)
    for (const [name, face] of Object.entries({ ...FACES, observable: observed })) {
      const paced = name !== 'observable'
      define(
        `${name}: intact, with memory bounded`,
        async (t) => {
          const connection = await connected(t, 'echo')
          const memory = watchMemory()
          await echo(face(connection), { bytes: BYTES, seed: 1, rests: paced, stalls: paced })
          const growth = memory.end()
          assert.ok(growth <= GROWTH_AT_MOST, `memory grew by ${Math.round(growth / MEBIBYTE)} MiB`)
        },
        {
          realNetwork: true,
          ...(name === 'net.Socket' && { capability: 'kernelSockets' }),
        },
      )
    }
  })
}

/** How much more resident memory there was at most than at the beginning. */
function watchMemory(): { end(): number } {
  const before = process.memoryUsage.rss()
  let most = before
  const sample = (): void => {
    most = Math.max(most, process.memoryUsage.rss())
  }
  const timer = setInterval(sample, SAMPLE_MS)
  return {
    end() {
      clearInterval(timer)
      sample()
      return most - before
    },
  }
}
