/** Targets as objects and URIs, read into tasks. */
import { isPort } from '../backend/arguments.js'
import { asError, quote } from '../base/quote.js'
import { type Endpoint, InvalidEndpointError } from '../endpoint/endpoint.js'
import { formatEndpoint, toEndpoint } from '../endpoint/endpoint-text.js'
import type { Failure } from '../errors/failure.js'
import { ownFailure } from '../errors/failures.js'
import type { Feed } from './fan-out-sides.js'
import { Literal } from './literal.js'
import type { Target } from './outcome.js'
import { openSource, type SourceListener, type TargetSource } from './target-source.js'
import type { Task } from './task.js'

export function objectFeed<T extends Target>(
  source: TargetSource<T>,
  listener: SourceListener,
): Feed<T> {
  const puller = openSource(source, listener)
  const literal = new Literal()
  return {
    pull(tasks, now) {
      const pulled = puller.pull()
      if (pulled === undefined) return undefined
      if (pulled.done) return 'end'
      const task = tasks.take(pulled.value, now)
      try {
        readTarget(task, literal)
      } catch (error) {
        task.verdict = invalid(error)
      }
      return task
    },
    cancel: () => puller.cancel(),
  }
}

/** Throws {@link InvalidEndpointError}, or what the target's own getters do. */
function readTarget<T extends Target>(task: Task<T>, literal: Literal): void {
  const target: Target = task.target
  // The usual one by the million: nothing is made for it.
  if (typeof target === 'object' && target?.scheme === 'tcp') {
    const { host, port } = target
    if (isPort(port) && typeof host === 'string' && readLiteral(task, literal, host, port)) {
      task.isTcp = true
      return
    }
  }
  const endpoint = checked(toEndpoint(target))
  task.endpoint = endpoint
  task.isTcp = endpoint.scheme === 'tcp'
  if ('host' in endpoint) readLiteral(task, literal, endpoint.host, endpoint.port)
}

function readLiteral<T>(task: Task<T>, literal: Literal, host: string, port: number): boolean {
  const version = literal.read(host)
  if (version === 0) return false
  const { words } = literal
  task.version = version
  task.host = host
  task.port = port
  task.word0 = words[0] as number
  task.word1 = words[1] as number
  task.word2 = words[2] as number
  task.word3 = words[3] as number
  return true
}

/** Told as invalid, and not as connected where only TCP has: connectMany() makes no handshakes of TLS. */
function checked(endpoint: Endpoint): Endpoint {
  if (endpoint.scheme !== 'tls') return endpoint
  const uri = quote(formatEndpoint(endpoint))
  throw new InvalidEndpointError(
    `connectMany() does not do TLS, so ${uri} is no target: write tcp://, and upgradeToTls() where it is kept`,
  )
}

function invalid(error: unknown): Failure {
  return ownFailure('ERR_INVALID_ENDPOINT', 'parse', 'parse', asError(error).message, error)
}
