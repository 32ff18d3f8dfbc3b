import { rmSync } from 'node:fs'
import { defineConfig } from 'tsup'

// Here and not by `clean`: the two builds below run side by side and would remove each other's files.
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
])
