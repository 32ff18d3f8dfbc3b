import { defineConfig } from 'tsup'

export default defineConfig({
  // The agent, the programs it can be told to run, and one that a test kills.
  entry: ['src/agent.ts', 'src/maker.ts', 'src/programs/*.ts'],
  format: ['esm'],
  target: 'node20',
  clean: true,
  silent: true,
})
