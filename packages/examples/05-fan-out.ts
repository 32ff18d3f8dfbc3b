/** Many targets, so many at a time: each has one outcome, and none makes the whole fail. */
import { createReactor } from 'pollout'
import { countBy } from './count-by.js'
import { closedEndpoint, endpointOrEcho } from './embedded-server.js'

await using reactor = createReactor()
const open = await endpointOrEcho()
const closed = await closedEndpoint()

// A generator is pulled: of ten million targets, only those in flight are ever in memory.
function* targets() {
  for (let i = 0; i < 5_000; i++) yield i % 3 === 0 ? closed : open
  yield 'tcp://127.0.0.1:70000'
}

const outcomes = reactor.connectMany(targets(), {
  concurrency: 200,
  rate: 20_000,
  timeoutMs: 2_000,
  onConnected: 'reset',
})
console.log(await countBy(outcomes, (outcome) => outcome.kind))
