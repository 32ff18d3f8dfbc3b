/** The part of a test framework that the suite needs; Vitest's functions fit, and so do Jest's but for `skip`. */

export interface TestContext {
  /** Ends the test as skipped, for this reason. */
  skip(reason: string): void
}

export interface TestApi {
  describe(name: string, define: () => void): unknown
  it(name: string, run: (context: TestContext) => Promise<void>, timeoutMs?: number): unknown
  beforeAll(run: () => Promise<void>): unknown
  afterAll(run: () => Promise<void>): unknown
}
