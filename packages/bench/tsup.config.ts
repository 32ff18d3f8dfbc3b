import { defineConfig } from 'tsup'

export default defineConfig({
  // All but the first run in processes of their own, the last two in Bun and in Deno.
  entry: {
    main: 'src/main.ts',
    contestant: 'src/contestant.ts',
    'fallback-server': 'src/fallback-server.ts',
    'runtimes/bun': 'src/runtimes/bun.ts',
    'runtimes/deno': 'src/runtimes/deno.ts',
  },
  format: ['esm'],
  target: 'node20',
  clean: true,
  silent: true,
})
