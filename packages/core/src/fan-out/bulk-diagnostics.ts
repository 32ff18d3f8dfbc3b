/** What diagnostics channels hear of attempts on the bulk lane: the same as of any other connect. */
import type { AttemptRecord } from '../errors.js'
import * as diagnostics from '../reactor/diagnostics.js'
import type { ReactorCore } from '../reactor/reactor-core.js'
import { attemptRecord } from './attempt-record.js'
import type { BulkEnd } from './bulk-end.js'
import { addressOfTask, endpointOf, reachedByTask, type Task } from './task.js'

const { connectStart, connectAttempt, connectConnected, connectError } = diagnostics

/** The task's attempt takes its first step. From here on it has a key, if anybody listens to anything. */
export function publishStart<T>(core: ReactorCore, task: Task<T>): void {
  const isHeard =
    connectStart.hasSubscribers ||
    connectAttempt.hasSubscribers ||
    connectConnected.hasSubscribers ||
    connectError.hasSubscribers
  task.key = isHeard ? { target: task.target } : undefined
  if (connectStart.hasSubscribers) connectStart.publish(message(core, task))
}

/** A task that was denied, without an attempt: counted and published as a connect that failed. */
export function countDecided<T>(core: ReactorCore, task: Task<T>, end: BulkEnd): void {
  core.counters.started++
  core.counters.failed++
  publishStart(core, task)
  publishEnd(core, task, end)
  task.key = undefined
}

export function publishEnd<T>(core: ReactorCore, task: Task<T>, end: BulkEnd): void {
  if (connectAttempt.hasSubscribers) {
    connectAttempt.publish({ ...message(core, task), attempt: record(task, end) })
  }
  const { elapsedMs, failure } = end
  if (failure) publishError(core, task, failure.code, elapsedMs)
  else if (connectConnected.hasSubscribers) {
    const address = reachedByTask(task)
    connectConnected.publish({ ...message(core, task), address, elapsedMs })
  }
}

export function publishError<T>(
  core: ReactorCore,
  task: Task<T>,
  code: string,
  elapsedMs: number,
): void {
  if (connectError.hasSubscribers) {
    connectError.publish({ ...message(core, task), code, elapsedMs })
  }
}

function message<T>(core: ReactorCore, task: Task<T>): diagnostics.ConnectMessage {
  task.key ??= { target: task.target }
  return { request: task.key, endpoint: endpointOf(task), backend: core.backend.name }
}

function record<T>(task: Task<T>, end: BulkEnd): AttemptRecord {
  const address = addressOfTask(task) as AttemptRecord['address']
  return attemptRecord(address, end.elapsedMs, end.failure, end)
}
