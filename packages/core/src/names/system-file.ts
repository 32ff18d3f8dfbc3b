/** A small file of the system's, read anew when it has changed: no watcher, which would keep descriptors and miss renames. */
import { readFileSync, type Stats, statSync } from 'node:fs'

export class SystemFile<T> {
  readonly #path: string
  readonly #parse: (text: string) => T
  #state: string | undefined
  #value: T

  /** `parse` must not throw; a file that is not there, or can't be read, is an empty one. */
  constructor(path: string, parse: (text: string) => T) {
    this.#path = path
    this.#parse = parse
    this.#value = parse('')
  }

  /** Read at once, on the event loop: libuv's threads may be what the names wait for. */
  get value(): T {
    const state = this.#look()
    if (state !== this.#state) {
      this.#state = state
      this.#value = this.#parse(this.#read())
    }
    return this.#value
  }

  #look(): string {
    const stat: Stats | undefined = attempt(() => statSync(this.#path, { throwIfNoEntry: false }))
    return stat ? `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}` : ''
  }

  #read(): string {
    return attempt(() => readFileSync(this.#path, 'utf8')) ?? ''
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Its lines' words, without comments and without empty lines. */
export function wordsOf(text: string, comment: RegExp): string[][] {
  return text
    .split('\n')
    .map((line) => line.replace(comment, '').trim())
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/))
}
