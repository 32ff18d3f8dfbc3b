/** Runs random programs until so many operations are done; fast-check makes them. */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { residentMiB } from './leaks.js'
import { shrink } from './shrink.js'

/** Performs programs, each from nothing and leaving nothing; rejects where one goes wrong. */
export interface Performer {
  /** What is tested, for people. */
  readonly name: string
  /** Counted by itself: operations done, programs, and what came back of them. */
  readonly executed: number
  readonly runs: number
  readonly reports: number
  run(program: Uint32Array, patienceMs: number): Promise<void>
}

const LONGEST_PROGRAM = 1_000
const RUNS_OF_ROUND = 25
/** Memory is measured from here on: until then caches and pools fill. */
const WARM_UP = 0.5
/** For what is due: far more than loopback takes, and than a busy machine does. */
const PATIENCE_MS = 10_000
const SHRINKING_PATIENCE_MS = 500
const MOST_GROWTH_MIB = 64
/** AddressSanitizer keeps freed memory for a while, up to 256 MiB: its `quarantine_size_mb`. */
const MOST_GROWTH_SANITIZED_MIB = 320

/** Drawn anew for each run of the tests; printed, so that a failure can be had again. */
const seed = Number(process.env['POLLOUT_MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/**
 * `operations` of them at least, or as many as POLLOUT_MODEL_OPERATIONS says. Prints its seed in any case; that of a
 * failure is in its message, and does it again as POLLOUT_MODEL_SEED.
 */
export async function checkPrograms(performer: Performer, operations: number): Promise<void> {
  const wanted = Number(process.env['POLLOUT_MODEL_OPERATIONS'] ?? operations)
  const started = performance.now()
  let measured: number | undefined
  let round = 0
  while (performer.executed < wanted) {
    await checkRound(performer, seed + round++)
    if (performer.executed >= WARM_UP * wanted) measured ??= residentMiB()
  }
  const grown = residentMiB() - (measured ?? 0)
  const seconds = ((performance.now() - started) / 1_000).toFixed(1)
  const { name, runs, executed, reports } = performer
  process.stdout.write(
    `model: ${name}, seed ${seed}: ${executed} operations and ${reports} reports in ${runs} runs, ${seconds} s, ${grown.toFixed(1)} MiB\n`,
  )
  assert.ok(grown < mostGrowthMiB(), `resident memory has grown by ${grown} MiB`)
}

async function checkRound(performer: Performer, seedOfRound: number): Promise<void> {
  const words = fc.noBias(fc.uint32Array({ minLength: 1, maxLength: LONGEST_PROGRAM, size: 'max' }))
  let failed: Uint32Array | undefined
  const property = fc.asyncProperty(words, async (program) => {
    failed = program
    await performer.run(program, PATIENCE_MS)
    failed = undefined
  })
  const details = await fc.check(property, {
    seed: seedOfRound,
    numRuns: RUNS_OF_ROUND,
    endOnFailure: true,
  })
  if (failed === undefined) return
  const { executed } = performer
  const { program, failure } = await shrink(failed, details.errorInstance, (shorter) =>
    performer.run(shorter, SHRINKING_PATIENCE_MS),
  )
  const shortened = `its last ${failed.length} shortened to ${program.length}`
  throw new Error(`seed ${seedOfRound}, after ${executed} operations, ${shortened}: ${failure}`, {
    cause: failure,
  })
}

function mostGrowthMiB(): number {
  const sanitized = process.env['LD_PRELOAD']?.includes('asan') ?? false
  return sanitized ? MOST_GROWTH_SANITIZED_MIB : MOST_GROWTH_MIB
}
