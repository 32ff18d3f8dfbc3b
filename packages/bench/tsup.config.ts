import { defineConfig } from 'tsup'

export default defineConfig({
  // The last two run in processes of their own.
  entry: ['src/main.ts', 'src/contestant.ts', 'src/fallback-server.ts'],
  format: ['esm'],
  target: 'node20',
  clean: true,
  silent: true,
})
