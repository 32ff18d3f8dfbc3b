/**
 * Ends the test output with the skipped tests by reason, then one line: `N passed, N failed, N skipped`.
 *
 * A reason is what was handed to `ctx.skip()`, or else the `skipReason` in the `meta` option of the skipped test
 * or of a suite around it, or else the name of the outermost skipped suite. A file that can't be loaded, a failing
 * suite hook and an error outside of tests count as one failure each, as they fail the run.
 */
import type { SerializedError } from 'vitest'
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node'

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string
  }
}

export default class CountingReporter implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly SerializedError[],
    reason: 'passed' | 'failed' | 'interrupted',
  ): void {
    let passed = 0
    let failed = unhandledErrors.length
    let skipped = 0
    const reasons = new Map<string, number>()

    for (const module of modules) {
      if (module.errors().length > 0) failed++
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) failed++
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') passed++
        else if (state === 'failed') failed++
        else {
          skipped++
          const why = state === 'pending' ? 'the run ended before it' : skipReason(test)
          reasons.set(why, (reasons.get(why) ?? 0) + 1)
        }
      }
    }
    // E.g. no test file found: the run fails, so the line has to say so.
    if (reason === 'failed' && failed === 0) failed = 1

    for (const [why, count] of [...reasons].sort()) console.log(`skipped: ${why} (${count})`)
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  }
}

function skipReason(test: TestCase): string {
  const result = test.result()
  if (result.state === 'skipped' && result.note) return result.note
  if (test.options.mode === 'todo') return 'to do'

  let outermost: TestCase | TestSuite | undefined
  let at: TestCase | TestSuite | TestModule = test
  while (at.type !== 'module') {
    const { skipReason } = at.meta()
    if (skipReason) return skipReason
    if (at.type === 'suite' && at.errors().length > 0) return 'a hook of its suite failed'
    if (at.options.mode === 'skip') outermost = at
    at = at.parent
  }
  return outermost?.type === 'suite' ? outermost.name : 'no reason given'
}
