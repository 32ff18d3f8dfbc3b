/** Runs the bench as a program, and reads what it writes. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import type { HandshakeSample, PacingSample, StormSample, TransferSample } from '../src/job.js'
import type { PacingScenario } from '../src/pacing.js'
import type { Settings } from '../src/settings.js'
import type { TransferScenario } from '../src/transfers.js'

interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
}

interface Row<Sample = Record<string, number>> {
  readonly id: string
  readonly figures: Readonly<Record<string, Summary>>
  readonly figure?: Summary
  readonly ofC?: Summary
  readonly ofNodeNet?: Summary
  readonly samples: readonly Sample[]
}

export const HANDSHAKES = ['handshake', 'handshake-veth'] as const

type Scenario = 'accepted' | 'refused' | 'scattered' | 'burst' | 'idle' | 'cancel' | 'long-list'
type Rows = Record<Scenario, readonly Row[]> &
  Record<(typeof HANDSHAKES)[number], readonly Row<HandshakeSample>[]> &
  Record<TransferScenario, readonly Row<TransferSample>[]> &
  Record<PacingScenario, readonly Row<PacingSample>[]> &
  Record<'storm', readonly Row<StormSample>[]>

export interface Results extends Rows {
  readonly machine: Record<string, unknown>
  readonly quick: boolean
  readonly settings: Settings
  readonly tookMs: number
  /** Their versions. */
  readonly runtimes: Record<string, string>
  readonly skipped: Record<string, string>
  /** The reason, where there can be no namespaced peer. */
  readonly skippedHandshakes?: string
  /** The reason, where there is no server for transfers. */
  readonly skippedTransfers?: string
  readonly targets: readonly {
    readonly scenario: string
    readonly contestant: string
    readonly met?: boolean
    readonly figure?: string
    readonly of?: string
    readonly beyond?: string
  }[]
}

export const program = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** Of this test file; gone after it. */
export const folder = mkdtempSync(join(tmpdir(), 'pollout-bench-'))
afterAll(() => rmSync(folder, { recursive: true }))

export function bench(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const options = { env: { ...process.env, ...env } }
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr })
    })
  })
}

export function read(file: string): Results {
  return JSON.parse(readFileSync(file, 'utf8')) as Results
}

export function ids(rows: readonly Row<unknown>[]): string[] {
  return rows.map(({ id }) => id)
}
