import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  target: 'node20',
  shims: true,
  dts: { compilerOptions: { customConditions: [] } },
  clean: true,
  silent: true,
})
