import { fileURLToPath } from 'node:url'
import { defineConfig, type Options } from 'tsup'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

/** src/base/rxjs.ts says why. What that lacks fails the build. */
const rxjsByItsFiles: Plugin = {
  name: 'rxjs-by-its-files',
  setup(build) {
    const path = fileURLToPath(new URL('src/base/rxjs.ts', import.meta.url))
    build.onResolve({ filter: /^rxjs$/ }, () => ({ path }))
  },
}

export default defineConfig({
  entry: ['src/index.ts', 'src/internal.ts', 'src/moved/testing.ts', 'src/moved/conformance.ts'],
  format: ['esm', 'cjs'],
  target: 'node20',
  // What is marked @internal is for core itself; `source` would put other packages' sources in.
  dts: { compilerOptions: { customConditions: [], noCheck: true, stripInternal: true } },
  esbuildPlugins: [rxjsByItsFiles],
  noExternal: [/^rxjs$/],
  clean: true,
  silent: true,
})
