/** What is made into one file: connects by the backend that `createReactor()` chooses, and prints what it found as JSON. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { backendReport, createReactor, tcp } from 'pollout'
import { firstValueFrom } from 'rxjs'

async function main() {
  const server = createServer((peer) => peer.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const reactor = createReactor({ onFallback() {} })
  const endpoint = tcp('127.0.0.1', server.address().port)
  const connection = await firstValueFrom(reactor.connect(endpoint))
  await connection.close()
  await reactor.destroy()
  server.close()
  console.log(JSON.stringify({ backend: reactor.backend, report: backendReport() }))
}
void main()
