/** Race two endpoints, the second with a late start: the first to connect wins, the other is cancelled and closed. */
import { type Connection, createReactor, type Endpoint, formatEndpoint } from 'pollout'
import { catchError, EMPTY, firstValueFrom, merge, type Observable, switchMap, timer } from 'rxjs'
import { closedEndpoint, endpointOrEcho } from './embedded-server.js'

await using reactor = createReactor()

/** A failure must not win the race; firstValueFrom() rejects when nobody is left to run. */
function runner(endpoint: Endpoint, startMs: number): Observable<Connection> {
  return timer(startMs).pipe(
    switchMap(() => reactor.connect(endpoint, { timeoutMs: 2_000 })),
    catchError((error: Error) => {
      console.log('out of the race:', error.message)
      return EMPTY
    }),
  )
}

const good = await endpointOrEcho()
const dead = await closedEndpoint()

// firstValueFrom() unsubscribes from all at the first emission, and that cancels who is still on the way.
const winner = await firstValueFrom(merge(runner(dead, 0), runner(good, 20), runner(good, 20)))
const won = formatEndpoint(winner.endpoint) === formatEndpoint(good)
console.log('won:', won ? 'the good one' : 'the dead one')
await winner.close()
const { inFlight, open } = reactor.stats()
console.log({ inFlight, open })
