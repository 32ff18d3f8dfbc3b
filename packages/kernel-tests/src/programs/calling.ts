/** Programs that make the calls of one connect by hand, without a reactor, and tell each one's answer. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  addressOf,
  Interest,
  isSocketOptionName,
  type SocketAddress,
  type SocketOptionValue,
  type SocketSpec,
  socketTypeOf,
  toEndpoint,
} from '@pollout/core'
import { answerOf, type PlainAnswer, PlainSockets } from '../inside/plain-sockets.js'
import type { PlainOptions } from '../inside/told.js'
import type { BackendName } from '../rig/requirements.js'

/** A connect's calls, each with its answer, and what poll said in between: `EINPROGRESS`, `poll WRITABLE`, `OK`. */
export async function oneConnect(
  backend: BackendName,
  target: string,
  options: PlainOptions = {},
): Promise<readonly PlainAnswer[]> {
  const endpoint = toEndpoint(target)
  const to = addressOf(endpoint)
  if (to === undefined) throw new Error(`${target} is no address`)
  await using sockets = new PlainSockets(backend)
  const spec: SocketSpec = { family: to.family, type: socketTypeOf(endpoint) }
  const handle = sockets.open(spec)
  for (const [name, value] of Object.entries(options)) {
    if (!isSocketOptionName(name)) continue
    const set = sockets.backend.setOption?.(handle, name, value as SocketOptionValue)
    if (set !== 0) return [`setsockopt ${answerOf(set ?? 0)}`]
  }
  const answer = sockets.connect(handle, to)
  if (answer !== 'EINPROGRESS') return [answer]
  const bits = await sockets.ready(handle, Interest.WRITABLE)
  return [answer, `poll ${bits.join('|')}`, sockets.finish(handle)]
}

/** connect() to such an address on a socket of such a kind, whether they go together or not. */
export async function connectAs(
  backend: BackendName,
  spec: SocketSpec,
  to: SocketAddress,
): Promise<PlainAnswer> {
  await using sockets = new PlainSockets(backend)
  const handle = sockets.open(spec)
  const answer = sockets.connect(handle, to)
  if (answer !== 'EINPROGRESS' || sockets.backend.capabilities.immediateErrors) return answer
  await sockets.ready(handle, Interest.WRITABLE)
  return sockets.finish(handle)
}

/** connect() twice while it is under way. */
export async function connectAgain(
  backend: BackendName,
  to: SocketAddress,
): Promise<readonly PlainAnswer[]> {
  await using sockets = new PlainSockets(backend)
  const handle = sockets.open({ family: to.family, type: 'stream' })
  return [sockets.connect(handle, to), sockets.connect(handle, to)]
}

/** connect() once more after it has succeeded: the first such call may be told 0, by which Linux tells the end of the first. */
export async function connectConnected(
  backend: BackendName,
  to: SocketAddress,
): Promise<PlainAnswer> {
  await using sockets = new PlainSockets(backend)
  const handle = sockets.open({ family: to.family, type: 'stream' })
  sockets.connect(handle, to)
  await sockets.ready(handle, Interest.WRITABLE)
  if (sockets.finish(handle) !== 'OK') throw new Error('it was to succeed')
  sockets.connect(handle, to)
  return sockets.connect(handle, to)
}

/** What the end of a connect answers that was cut short while it was under way: by shutdown(), or connect() to AF_UNSPEC. */
export async function endConnecting(
  backend: BackendName,
  to: SocketAddress,
  by: 'shutdown' | 'disconnect',
): Promise<PlainAnswer> {
  await using sockets = new PlainSockets(backend)
  const handle = sockets.open({ family: to.family, type: 'stream' })
  sockets.connect(handle, to)
  const ready = sockets.ready(handle, Interest.WRITABLE)
  sockets.backend[by]?.(handle)
  await ready
  return sockets.finish(handle)
}

/**
 * A connect that waits for a peer that never answers, while signals come in: its answer, and that of one connect() more;
 * and whether it waited to the end.
 */
export async function waitThroughSignals(
  to: SocketAddress,
  timeoutMs: number,
): Promise<readonly PlainAnswer[]> {
  await using sockets = new PlainSockets('native')
  const handle = sockets.open({ family: to.family, type: 'stream' })
  const heed = (): void => {}
  process.on('SIGUSR2', heed)
  // Node's handler is called with SA_RESTART, which a connect with a time limit does not heed: signal(7).
  // It ends with this process, too: the next one of that number must not be signalled.
  const sender = spawn('sh', ['-c', `while sleep 0.05 && kill -USR2 ${process.pid}; do :; done`])
  await once(sender, 'spawn')
  const startedAt = performance.now()
  const result = sockets.backend.kernel?.connectAndWait(handle, to, timeoutMs) ?? 0
  const elapsedMs = performance.now() - startedAt
  const after = sockets.connect(handle, to)
  sender.kill()
  await once(sender, 'close')
  process.off('SIGUSR2', heed)
  return [answerOf(result), after, elapsedMs >= timeoutMs ? 'waited' : `${elapsedMs} ms only`]
}
