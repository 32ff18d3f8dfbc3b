/** Retry with exponential backoff and jitter, but only where trying again makes sense. */
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectError, createReactor, tcp } from 'pollout'
import { defer, firstValueFrom, retry, throwError, timer } from 'rxjs'
import { closedEndpoint } from './embedded-server.js'

const WORTH_RETRYING = new Set(['ECONNREFUSED', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'])

await using reactor = createReactor()
const endpoint = await closedEndpoint()
const port = endpoint.scheme === 'tcp' ? endpoint.port : 0

const connecting = defer(() => reactor.connect(tcp('127.0.0.1', port), { timeoutMs: 500 })).pipe(
  retry({
    count: 8,
    delay(error: unknown, attempt) {
      const code = error instanceof ConnectError ? error.code : ''
      if (!WORTH_RETRYING.has(code)) return throwError(() => error)
      const waitMs = Math.min(1_000, 20 * 2 ** attempt) * (0.5 + Math.random() / 2)
      console.log(`attempt ${attempt}: ${code}; again in a moment`)
      return timer(waitMs)
    },
  }),
)

// The server comes up late, as servers do.
void sleep(100).then(() => server.listen(port, '127.0.0.1'))
const server = createServer((socket) => socket.end())
const connection = await firstValueFrom(connecting)
console.log('connected after all')
await connection.close()
server.close()
