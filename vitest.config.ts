/** The tests of all packages, run against their sources. */
import { defineConfig } from 'vitest/config'

// `source` leads from `@pollout/core` to packages/core/src by the package's own exports; the rest are Vite's defaults.
const conditions = ['source', 'module', 'node', 'development|production']
const PATIENCE_MS = 300_000

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // A process for each file: tests count file descriptors.
    pool: 'forks',
    maxWorkers: 2,
    // One limit for all, far above what any of them takes: it ends what hangs. A busy machine makes tests slow, not red.
    testTimeout: PATIENCE_MS,
    hookTimeout: PATIENCE_MS,
    teardownTimeout: PATIENCE_MS,
    expect: { poll: { timeout: PATIENCE_MS / 2 } },
    reporters: ['default', './scripts/counting-reporter.ts'],
    include: ['packages/*/test/**/*.test.ts'],
  },
})
