/** The tests of all packages, run against their sources. */
import { defineConfig } from 'vitest/config'

// `source` leads from `@pollout/core` to packages/core/src by the package's own exports; the rest are Vite's defaults.
const conditions = ['source', 'module', 'node', 'development|production']
const loadTests = 'packages/*/test/**/*.load.test.ts'

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // A process for each file: tests count file descriptors.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 10_000,
    hookTimeout: 60_000,
    reporters: ['default', './scripts/counting-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['packages/*/test/**/*.test.ts'],
          exclude: [loadTests],
        },
      },
      {
        // Large or timing-sensitive ones: after all others, one file at a time.
        extends: true,
        test: {
          name: 'load',
          include: [loadTests],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
