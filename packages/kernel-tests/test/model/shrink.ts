/**
 * Shortens a program that fails, by leaving out parts of it for as long as it still does: delta debugging.
 *
 * fast-check's own shrinking goes through every element's every smaller value, which with a thousand of them, each try
 * taking what the network takes, does not end; and a failure that is a matter of timing needs more than one try.
 */
const SHRINK_MS = 20_000
const TRIES = 2

export interface Failing {
  readonly program: Uint32Array
  readonly failure: unknown
}

/** `run` rejects where a program fails. */
export async function shrink(
  program: Uint32Array,
  failure: unknown,
  run: (program: Uint32Array) => Promise<void>,
): Promise<Failing> {
  const deadline = performance.now() + SHRINK_MS
  let best: Failing = { program, failure }
  for (let part = program.length >> 1; part >= 1; part >>= 1) {
    for (let start = 0; start < best.program.length; ) {
      if (performance.now() > deadline) return best
      const shorter = without(best.program, start, part)
      const failed = await failureOf(shorter, run)
      if (failed === undefined) start += part
      else best = { program: shorter, failure: failed }
    }
  }
  return best
}

function without(program: Uint32Array, start: number, count: number): Uint32Array {
  const shorter = new Uint32Array(program.length - Math.min(count, program.length - start))
  shorter.set(program.subarray(0, start))
  shorter.set(program.subarray(Math.min(program.length, start + count)), start)
  return shorter
}

async function failureOf(
  program: Uint32Array,
  run: (program: Uint32Array) => Promise<void>,
): Promise<unknown> {
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      await run(program)
    } catch (failure) {
      return failure
    }
  }
  return undefined
}
