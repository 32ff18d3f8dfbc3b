/** The tasks of a fan-out, by their numbers: as many as there ever were targets under way at once. */
import { Task, type TaskOwner } from './task.js'

export class TaskPool<T> {
  readonly #owner: TaskOwner<T>
  readonly #tasks: Task<T>[] = []
  readonly #free: Task<T>[] = []

  constructor(owner: TaskOwner<T>) {
    this.#owner = owner
  }

  /** A task for this target: an old one that was given back, or a new one. */
  take(target: T, now: number): Task<T> {
    let task = this.#free.pop()
    if (task === undefined) {
      task = new Task(this.#owner, this.#tasks.length, target)
      this.#tasks.push(task)
    }
    task.renew(target, now)
    return task
  }

  /** Its target has been told of. */
  give(task: Task<T>): void {
    this.#free.push(task)
  }

  /** The task of that number. */
  at(id: number): Task<T> {
    return this.#tasks[id] as Task<T>
  }

  [Symbol.iterator](): Iterator<Task<T>> {
    return this.#tasks[Symbol.iterator]()
  }
}
