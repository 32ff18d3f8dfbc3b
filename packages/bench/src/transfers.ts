/** The scenarios of transfers: what they carry, over how many connections. */
import type { TransferMode } from './job.js'

export interface Transfer {
  readonly mode: TransferMode
  readonly connections: number
  /** Of a message, or of what is sent at once. */
  readonly bytes: number
}

const MESSAGE_BYTES = 64
/** As much as a file's read stream gives at once. */
const CHUNK_BYTES = 64 * 1024

export const TRANSFERS = {
  'pingpong-1000': { mode: 'pingpong', connections: 1_000, bytes: MESSAGE_BYTES },
  'pingpong-1': { mode: 'pingpong', connections: 1, bytes: MESSAGE_BYTES },
  'stream-in-100': { mode: 'in', connections: 100, bytes: CHUNK_BYTES },
  'stream-in-1': { mode: 'in', connections: 1, bytes: CHUNK_BYTES },
  'stream-out-100': { mode: 'out', connections: 100, bytes: CHUNK_BYTES },
  'stream-out-1': { mode: 'out', connections: 1, bytes: CHUNK_BYTES },
} as const satisfies Record<string, Transfer>

export type TransferScenario = keyof typeof TRANSFERS

export const TRANSFER_SCENARIOS = Object.keys(TRANSFERS) as readonly TransferScenario[]

export function isTransfer(scenario: string): scenario is TransferScenario {
  return scenario in TRANSFERS
}
