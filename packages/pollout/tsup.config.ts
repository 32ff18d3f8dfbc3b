import { rmSync } from 'node:fs'
import { defineConfig } from 'tsup'

// Here and not by `clean`: the builds below run side by side and would remove each other's files.
rmSync('dist', { recursive: true, force: true })

export default defineConfig([
  {
    entry: ['src/index.ts'],
    format: ['esm', 'cjs'],
    target: 'node20',
    dts: { compilerOptions: { customConditions: [] } },
    silent: true,
  },
  { entry: ['src/cli.ts'], format: ['esm'], target: 'node20', silent: true },
  // Inlined into reports by src/html-report/report-page.ts.
  {
    entry: { 'report-page': 'report-page/main.ts', 'report-style': 'report-page/page.css' },
    format: ['iife'],
    platform: 'browser',
    target: 'es2022',
    noExternal: ['uplot'],
    minify: true,
    tsconfig: 'report-page/tsconfig.json',
    outExtension: () => ({ js: '.js' }),
    silent: true,
  },
])
