/** Connects where it may not, and prints what it is told as JSON. */
import { createReactor, tcp, udp } from 'pollout'
import { firstValueFrom } from 'rxjs'

const reactor = createReactor({ onFallback() {} })
const told = []
for (const endpoint of [
  tcp('127.0.0.1', 9),
  udp('127.0.0.1', 9),
  'unix:/none',
  tcp('a.invalid', 9),
]) {
  const error = await firstValueFrom(reactor.connect(endpoint)).catch((reason) => reason)
  told.push([error.code, error.phase])
}
await reactor.destroy()
console.log(JSON.stringify({ backend: reactor.backend, told }))
