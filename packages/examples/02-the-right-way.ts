/**
 * The right way to complete a non-blocking connect, beside a well-known wrong one.
 *
 * Wrong: calling connect() again until it returns 0. The second call answers EALREADY or EISCONN, and after a
 * refusal it silently starts another attempt, so a closed port looks as if it were only slow.
 * Right: connect() once, wait until the socket is writable, then ask how it went: connect(2), EINPROGRESS.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, createReactor, Interest, type SocketAddress } from 'pollout'
import { firstValueFrom } from 'rxjs'
import { closedEndpoint, endpointOrEcho } from './embedded-server.js'

await using reactor = createReactor()

function literalAddress(endpoint: Awaited<ReturnType<typeof closedEndpoint>>): SocketAddress {
  const address = addressOf(endpoint)
  if (!address) throw new Error('this level takes addresses, no names')
  return address
}

async function wrongWay(to: SocketAddress): Promise<string> {
  using socket = reactor.socket(to.family)
  const answers: string[] = []
  for (let i = 0; i < 3; i++) {
    answers.push(socket.connect(to))
    await sleep(20)
  }
  return answers.join(', ')
}

async function rightWay(to: SocketAddress): Promise<string> {
  using socket = reactor.socket(to.family)
  const started = socket.connect(to)
  if (started !== 'EINPROGRESS') return started
  await firstValueFrom(reactor.readiness(socket, Interest.WRITABLE))
  return socket.finishConnect()
}

const open = literalAddress(await endpointOrEcho())
const closed = literalAddress(await closedEndpoint())
console.log('open port,   wrong way:', await wrongWay(open))
console.log('open port,   right way:', await rightWay(open))
console.log('closed port, wrong way:', await wrongWay(closed))
console.log('closed port, right way:', await rightWay(closed))
