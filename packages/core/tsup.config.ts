import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/testing/index.ts', 'src/conformance/index.ts'],
  format: ['esm', 'cjs'],
  target: 'node20',
  // What is marked @internal is for core itself; `source` would put other packages' sources in.
  dts: { compilerOptions: { customConditions: [], stripInternal: true } },
  clean: true,
  silent: true,
})
