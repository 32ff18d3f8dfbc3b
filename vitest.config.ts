/** The tests of all packages, run against their sources. */
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// `source` leads from `@pollout/core` to packages/core/src by the package's own exports; the rest are Vite's defaults.
const conditions = ['source', 'module', 'node', 'development|production']
const PATIENCE_MS = 300_000

/**
 * Files that take longest, by a part of their paths: they start first, so that none runs on alone at the end. Of how long the
 * last run took nothing is known in a clean checkout, and Vitest goes by the size of a file.
 */
const LONGEST = [
  'backend-native/test/conformance.test',
  'backend-model.load',
  'bench/test/bench',
  'backend-net/test/conformance',
  'resume.load',
  'fanout-command',
  'install-tests/test/bundlers',
  'install-tests/test/guides',
  'site/test/site',
  'transfers.load',
  'faces.load',
  'usage.test',
  'bulk-lifetime',
  'install-tests/test/environments',
  'memory.load',
  'backend-native/test/fan-out',
  'backend-native/test/bulk.test',
  'bench/test/handshake',
  'install-tests/test/outside',
  'install-tests/test/remedies',
  'scale.load',
  'conformance',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((name) => moduleId.includes(name))
      return found < 0 ? LONGEST.length : found
    }
    return (await super.sort(files)).sort((one, other) => place(one) - place(other))
  }
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // A process for each file: tests count file descriptors.
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // One limit for all, far above what any of them takes: it ends what hangs. A busy machine makes tests slow, not red.
    testTimeout: PATIENCE_MS,
    hookTimeout: PATIENCE_MS,
    teardownTimeout: PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS / 2 } },
    reporters: ['default', './scripts/counting-reporter.ts'],
    include: ['packages/*/test/**/*.test.ts'],
  },
})
