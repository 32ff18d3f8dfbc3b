/** What a run must leave as it found it. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { descriptorCount } from '../../src/inside/backends.js'

/** Turns of the loop that closing may take: libuv closes in a phase of its own, `node:net` in one more. */
const MOST_TURNS = 500

/** What Node counts of the loop's handles and requests, by type, without what passes with the turn. */
export function activeResources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((type) => type.endsWith('Wrap') || type === 'Timeout')
}

/** Handles of the loop that the addon made (Node's own counts do not know them) and that keep the process alive. */
export function referencedPolls(): number {
  const { libuv } = process.report.getReport() as unknown as { libuv: readonly UvHandle[] }
  return libuv.filter(({ type, is_referenced }) => type === 'poll' && is_referenced).length
}

interface UvHandle {
  readonly type: string
  readonly is_referenced?: boolean
}

export class Baseline {
  readonly #descriptors = descriptorCount()
  readonly #resources = activeResources()

  /** Waits until nothing more is there than was, or for as long as that can take; tells what is left. */
  async leaked(): Promise<string | undefined> {
    let difference: string | undefined
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      difference = this.#difference()
      if (difference === undefined) return undefined
      await new Promise((resolve) => setImmediate(resolve))
    }
    return difference
  }

  #difference(): string | undefined {
    const descriptors = descriptorCount()
    // One too few would be somebody else's, closed twice.
    if (descriptors !== this.#descriptors) return `${descriptors - this.#descriptors} descriptors`
    const more = activeResources()
    for (const known of this.#resources) {
      const index = more.indexOf(known)
      if (index >= 0) more.splice(index, 1)
    }
    return more.length === 0 ? undefined : `resources: ${more}`
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Resident memory after a collection, in MiB. */
export function residentMiB(): number {
  collect()
  return process.memoryUsage.rss() / 2 ** 20
}
