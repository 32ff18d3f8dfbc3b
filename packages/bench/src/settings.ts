/** How much is measured: enough for a steady number, or just enough to see that all works. */
import type { Machine } from './machine.js'

export interface Settings {
  readonly rounds: number
  readonly inFlight: number
  readonly rateWarmUp: number
  readonly rateDurationMs: number
  readonly mostConnects: number
  readonly burstRounds: number
  readonly burstWarmUp: number
  readonly burstCount: number
  /** A round of these takes little, so there are as many as of bursts. */
  readonly handshakeRounds: number
  readonly handshakeWarmUp: number
  readonly handshakeCount: number
  readonly stormRounds: number
  readonly stormInFlight: number
  readonly stormCount: number
  readonly cancelRounds: number
  readonly cancelCount: number
  readonly pacingRounds: number
  readonly pacingDurationMs: number
  readonly longListRounds: number
  readonly longListInFlight: number
  readonly longListShort: number
  readonly longListShortRuns: number
  readonly longListCount: number
  readonly idleRounds: number
  readonly idleWarmUp: number
  readonly idleCount: number
  /** As many as a transfer asks for, or fewer where descriptors are few. */
  readonly mostTransferring: number
  readonly transferWarmUpMs: number
  readonly transferDurationMs: number
  /** How many accepted sockets the server keeps: more than a burst or the idle ones. */
  readonly hold: number
}

const IN_FLIGHT = 256
/** Descriptors that a process has besides those of its connects. */
const SPARE_FILES = 100

export function chooseSettings(quick: boolean, rounds: number, machine: Machine): Settings {
  const files = Math.max(1, machine.openFilesLimit - SPARE_FILES)
  const atOnce = Math.min(quick ? 1_000 : 10_000, Math.floor(files * 0.8))
  return {
    rounds,
    inFlight: Math.min(IN_FLIGHT, atOnce),
    rateWarmUp: quick ? 500 : 20_000,
    rateDurationMs: quick ? 50 : 2_500,
    mostConnects: quick ? 2_000 : 400_000,
    burstRounds: quick ? 1 : Math.min(rounds, 5),
    burstWarmUp: quick ? 500 : 4_000,
    burstCount: atOnce,
    handshakeRounds: quick ? 1 : Math.min(rounds, 5),
    handshakeWarmUp: quick ? 500 : 4_000,
    handshakeCount: atOnce,
    stormRounds: quick ? 1 : Math.min(rounds, 3),
    stormInFlight: atOnce,
    stormCount: quick ? 3_000 : 100_000,
    cancelRounds: quick ? 1 : Math.min(rounds, 5),
    cancelCount: Math.min(quick ? 1_000 : 15_000, Math.floor(files * 0.8)),
    // One is long enough, and they take little of the machine.
    pacingRounds: 1,
    pacingDurationMs: quick ? 500 : 10_000,
    longListRounds: 1,
    longListInFlight: Math.min(1_000, atOnce),
    longListShort: quick ? 2_000 : 100_000,
    longListShortRuns: quick ? 1 : 3,
    longListCount: quick ? 20_000 : 10_000_000,
    idleRounds: quick ? 1 : Math.min(rounds, 3),
    idleWarmUp: quick ? 300 : 600,
    idleCount: atOnce,
    mostTransferring: atOnce,
    transferWarmUpMs: quick ? 20 : 400,
    transferDurationMs: quick ? 100 : 1_000,
    hold: Math.min(12_000, files),
  }
}
