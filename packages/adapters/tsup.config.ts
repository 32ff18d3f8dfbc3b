import { defineConfig } from 'tsup'

export default defineConfig({
  // One for each client, so that nobody loads a client that they don't have.
  entry: [
    'src/http.ts',
    'src/http2.ts',
    'src/ioredis.ts',
    'src/kafkajs.ts',
    'src/mqtt.ts',
    'src/mysql2.ts',
    'src/nodemailer.ts',
    'src/pg.ts',
    'src/postgres.ts',
    'src/ssh2.ts',
    'src/tedious.ts',
    'src/undici.ts',
    'src/ws.ts',
  ],
  format: ['esm', 'cjs'],
  target: 'node20',
  dts: { compilerOptions: { customConditions: [], noCheck: true } },
  clean: true,
  silent: true,
})
