/** What diagnostics channels hear of attempts on the bulk lane: the same as of any other connect. */

import * as diagnostics from '../diagnostics/diagnostics.js'
import type { AttemptRecord } from '../errors/failure.js'
import type { OutboundCore } from '../outbound/outbound-core.js'
import { attemptRecord } from './attempt-record.js'
import type { BulkEnd } from './bulk-end.js'
import { addressOfTask, endpointOfTask, reachedByTask, type Task } from './task.js'

const { connectStart, connectAttempt, connectConnected, connectError } = diagnostics

/** The task's attempt takes its first step. From here on it has a key, if anybody listens to anything. */
export function publishStart<T>(core: OutboundCore, task: Task<T>): void {
  const isHeard =
    connectStart.hasSubscribers ||
    connectAttempt.hasSubscribers ||
    connectConnected.hasSubscribers ||
    connectError.hasSubscribers
  task.key = isHeard ? { target: task.target } : undefined
  if (connectStart.hasSubscribers) connectStart.publish(message(core, task))
}

/** A task that was denied, without an attempt: counted and published as a connect that failed. */
export function countDecided<T>(core: OutboundCore, task: Task<T>, end: BulkEnd): void {
  core.counters.started++
  core.counters.failed++
  publishStart(core, task)
  publishEnd(core, task, end)
  task.key = undefined
}

export function publishEnd<T>(core: OutboundCore, task: Task<T>, end: BulkEnd): void {
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
  core: OutboundCore,
  task: Task<T>,
  code: string,
  elapsedMs: number,
): void {
  if (connectError.hasSubscribers) {
    connectError.publish({ ...message(core, task), code, elapsedMs })
  }
}

function message<T>(core: OutboundCore, task: Task<T>): diagnostics.ConnectMessage {
  task.key ??= { target: task.target }
  return { request: task.key, endpoint: endpointOfTask(task), backend: core.backend.name }
}

function record<T>(task: Task<T>, end: BulkEnd): AttemptRecord {
  const address = addressOfTask(task) as AttemptRecord['address']
  return attemptRecord(address, end.elapsedMs, end.failure, end)
}
