/** The tasks of a fan-out, by their numbers: as many as there ever were targets under way at once. */
import { Task, type TaskOwner } from './task.js'

export class TaskPool<T> {
  readonly #owner: TaskOwner<T>
  readonly #tasks: Task<T>[] = []
  /** Those given back, the last one first: a list through themselves. */
  #firstFree: Task<T> | undefined

  constructor(owner: TaskOwner<T>) {
    this.#owner = owner
  }

  /** A task for this target: an old one that was given back, or a new one. */
  take(target: T, now: number): Task<T> {
    let task = this.#firstFree
    if (task === undefined) {
      task = new Task(this.#owner, this.#tasks.length, target)
      this.#tasks.push(task)
    } else {
      this.#firstFree = task.nextFree
      task.nextFree = undefined
    }
    task.renew(target, now)
    return task
  }

  /** Its target has been told of. */
  give(task: Task<T>): void {
    task.nextFree = this.#firstFree
    this.#firstFree = task
  }

  /** The task of that number. */
  at(id: number): Task<T> {
    return this.#tasks[id] as Task<T>
  }

  [Symbol.iterator](): Iterator<Task<T>> {
    return this.#tasks[Symbol.iterator]()
  }
}
