/** What the numbers of a bulk lane's outcome say: the failure. Equal ones share one object, so that millions cost nothing. */
import { BulkStep } from '../backend/bulk.js'
import type { EncodedSetup } from '../connect/encoded-setup.js'
import { bindFailure, optionFailure } from '../connect/socket-setup.js'
import type { Failure } from '../errors/failure.js'
import { connectFailure, deadlineFailure, reportedFailure } from '../errors/failures.js'
import { familyOf } from './literal.js'
import type { Task } from './task.js'

const SYSCALLS: Readonly<Record<number, string>> = {
  [BulkStep.SOCKET]: 'socket',
  [BulkStep.CONNECT]: 'connect',
  [BulkStep.EPOLL_CTL]: 'epoll_ctl',
}
/** More than there are steps. */
const STEPS = 8

export class BulkFailures {
  /** `timeoutMs` is over. */
  readonly deadline: Failure
  readonly #names: EncodedSetup['names']
  readonly #known = new Map<number, Failure>()
  /** Most in a row are the same. */
  #lastKey = Number.NaN
  #last: Failure | undefined

  constructor(names: EncodedSetup['names'], timeoutMs: number) {
    this.#names = names
    this.deadline = deadlineFailure(timeoutMs, 'connect')
  }

  /** `index` is the option's, where it is about one. */
  of<T>(task: Task<T>, status: number, step: number, index: number): Failure {
    if (step === BulkStep.DEADLINE) return this.deadline
    if (step === BulkStep.SETSOCKOPT) return optionFailure(status, this.#optionName(task, index))
    const at = step === BulkStep.BIND ? task.walk?.current : undefined
    if (at) return bindFailure(status, at)
    const key = step - status * STEPS
    if (key === this.#lastKey && this.#last) return this.#last
    const failure = this.#known.get(key) ?? failureOf(status, step)
    this.#known.set(key, failure)
    this.#lastKey = key
    this.#last = failure
    return failure
  }

  #optionName<T>({ version }: Task<T>, index: number): string {
    return this.#names[familyOf(version)][index] ?? String(index)
  }
}

function failureOf(status: number, step: number): Failure {
  if (step === BulkStep.SO_ERROR) return reportedFailure(status)
  return connectFailure(status, SYSCALLS[step] ?? 'connect')
}
