import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/main.ts', 'src/accepting-server.ts', 'src/silent-server.ts'],
  format: ['esm'],
  target: 'node20',
  clean: true,
  silent: true,
})
