/** What all ways to connect have in common: so many in flight, lists of targets, counting how they ended. */
import type { Tally } from './job.js'

export function newTally(): Tally {
  return { connected: 0, refused: 0, other: 0, firstError: 0 }
}

export function countFailure(tally: Tally, code: string | undefined): void {
  if (code === 'ECONNREFUSED') {
    tally.refused++
    return
  }
  tally.other++
  tally.firstError ||= code ?? 'unknown'
}

export function totalOf({ connected, refused, other }: Tally): number {
  return connected + refused + other
}

/**
 * Has `inFlight` under way at any time, until `count` have ended; resolves to their tally. `prepare` gives what begins the
 * one of an index, which counts it in `tally` and calls `next` when it has ended.
 */
export function keepInFlight(
  count: number,
  inFlight: number,
  prepare: (tally: Tally, next: () => void) => (index: number) => void,
): Promise<Tally> {
  const tally = newTally()
  return new Promise((resolve) => {
    let begun = 0
    let ended = 0
    const beginNext = () => {
      if (begun < count) begin(begun++)
    }
    const begin = prepare(tally, () => {
      if (++ended === count) resolve(tally)
      else beginNext()
    })
    for (let i = 0; i < inFlight; i++) beginNext()
  })
}

/** So many, or as many as are asked for in time. */
export function* listOf<T>(
  count: number,
  item: (index: number) => T,
  longestMs = Number.POSITIVE_INFINITY,
): Generator<T> {
  const endsAt = performance.now() + longestMs
  for (let i = 0; i < count; i++) {
    if (longestMs < Number.POSITIVE_INFINITY && performance.now() > endsAt) return
    yield item(i)
  }
}

/** Items are taken in turn. */
export function pick<T>(items: readonly T[], index: number): T {
  return items[index % items.length] as T
}
