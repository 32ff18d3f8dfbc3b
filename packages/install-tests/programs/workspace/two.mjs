/** Another package of that workspace: an adapter over the reactor of the first. Prints whether both have one core. */
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import { httpAgent } from '@pollout/adapters/http'
import { Reactor } from '@pollout/core'

// The first, by its name.
const { createReactor, Reactor: ReactorOfOne } = await import(process.argv[2])
const server = createServer((_, answer) => answer.end('yes')).listen(0, '127.0.0.1')
await once(server, 'listening')
const reactor = createReactor()
const agent = httpAgent(reactor)
const request = get({ host: '127.0.0.1', port: server.address().port, agent })
const [answer] = await once(request, 'response')
const [body] = await once(answer, 'data')
agent.destroy()
server.close()
await reactor.destroy()
console.log(
  JSON.stringify({
    backend: reactor.backend,
    answer: String(body),
    oneCore: Reactor === ReactorOfOne,
  }),
)
