/** The part of a test framework that the suite needs; Vitest's functions fit, and so do Jest's but for `skip`. */

/**
 * What a running test is given.
 *
 * @example
 * ```ts
 * import type { TestApi, TestContext } from '@pollout/conformance'
 *
 * function define({ it }: TestApi): void {
 *   it('runs on Linux', async (context: TestContext) => {
 *     if (process.platform !== 'linux') context.skip('this is not Linux')
 *   })
 * }
 * ```
 */
export interface TestContext {
  /** Ends the test as skipped, for this reason. */
  skip(reason: string): void
}

/**
 * The functions that define tests.
 *
 * @example
 * ```ts
 * import { after, before, describe, it, type TestContext } from 'node:test'
 * import type { TestApi } from '@pollout/conformance'
 *
 * // For node:test, whose skip() does not end the test.
 * const test: TestApi = {
 *   describe,
 *   beforeAll: before,
 *   afterAll: after,
 *   it: (name, run, timeout = 10_000) =>
 *     it(name, { timeout }, async (context: TestContext) => {
 *       const skipped = new Error('skipped')
 *       const skip = (reason: string): void => {
 *         context.skip(reason)
 *         throw skipped
 *       }
 *       await run({ skip }).catch((error: unknown) => {
 *         if (error !== skipped) throw error
 *       })
 *     }),
 * }
 * ```
 */
export interface TestApi {
  describe(name: string, define: () => void): unknown
  it(name: string, run: (context: TestContext) => Promise<void>, timeoutMs?: number): unknown
  beforeAll(run: () => Promise<void>): unknown
  afterAll(run: () => Promise<void>): unknown
}
