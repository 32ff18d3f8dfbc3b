/** What a test must leave as it found it: descriptors, and what keeps the process alive. */
import { readdirSync } from 'node:fs'

export interface Footprint {
  /** Open file descriptors; -1 where the system does not tell. */
  readonly descriptors: number
  /** Handles of the event loop that keep it alive, by type. */
  readonly resources: readonly string[]
}

/** Turns of the loop that closing may take: libuv closes in a phase of its own, `node:net` in one more. */
const TURNS = 200
/** And the time that other threads and processes may take to get their turn. */
const PATIENCE_MS = 20_000

export function footprint(): Footprint {
  return { descriptors: countDescriptors(), resources: activeResources() }
}

/** Open file descriptors of this process, from /proc; -1 where there is none. */
function countDescriptors(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return -1
  }
}

/** Waits until the footprint is no larger than before, or for as long as that can take; returns what differs. */
export async function leaked(before: Footprint): Promise<string | undefined> {
  const endsAt = performance.now() + PATIENCE_MS
  for (let turn = 0; ; turn++) {
    const difference = compare(before, footprint())
    if (difference === undefined || performance.now() > endsAt) return difference
    await new Promise((resolve) => (turn < TURNS ? setImmediate(resolve) : setTimeout(resolve, 5)))
  }
}

function compare(before: Footprint, after: Footprint): string | undefined {
  if (after.descriptors > before.descriptors) {
    return `${after.descriptors - before.descriptors} file descriptors`
  }
  const left = [...after.resources]
  for (const known of before.resources) {
    const index = left.indexOf(known)
    if (index >= 0) left.splice(index, 1)
  }
  return left.length > 0 ? `active resources: ${left.join(', ')}` : undefined
}

/** Without the requests and immediates of one turn: these pass by themselves. */
function activeResources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((type) => type.endsWith('Wrap') || type === 'Timeout' || type === 'UVPOLL')
    .filter((type) => !type.endsWith('ReqWrap'))
}
