/** The numbers that are drawn from a sample of each scenario. */
import type {
  HandshakeSample,
  IdleSample,
  PacingSample,
  RateSample,
  TransferSample,
} from './job.js'
import type { SampleOf } from './measure.js'
import { PACING_SCENARIOS, type PacingScenario } from './pacing.js'
import type { Scenario } from './scenarios.js'
import { totalOf } from './tally.js'
import { TRANSFER_SCENARIOS, type TransferScenario } from './transfers.js'

const BYTES_PER_MB = 1e6

export type Figure<Sample> = (sample: Sample) => number | undefined
export type Figures<Sample> = Readonly<Record<string, Figure<Sample>>>

const RATE: Figures<RateSample> = {
  perSecond: (sample) => (totalOf(sample) / sample.elapsedMs) * 1_000,
  cpuUs: ({ cpuMs, ...sample }) => cpuMs && (cpuMs * 1_000) / totalOf(sample),
  processCpuUs: (sample) => (sample.processCpuMs * 1_000) / totalOf(sample),
}

const TRANSFER: Figures<TransferSample> = {
  perSecond: ({ work, elapsedMs }) => (work / elapsedMs) * 1_000,
  cpuUs: ({ work, cpuMs }) => cpuMs && (cpuMs * 1_000) / work,
}

const PACING: Figures<PacingSample> = {
  rateErrorPercent: ({ rateError }) => Math.abs(rateError) * 100,
  offsetP50Ms: ({ offsetMs }) => offsetMs.p50,
  offsetP99Ms: ({ offsetMs }) => offsetMs.p99,
  offsetMaxMs: ({ offsetMs }) => offsetMs.max,
  // Whole starts: the clocks that stamp them round.
  largestBurst: ({ largestBurst }) => Math.floor(largestBurst),
}

/** What its user would take for the handshake's time: the timeline's where there is one. */
const HANDSHAKE: Figures<HandshakeSample> = {
  ms: ({ timelineMs, byHandMs }) => (timelineMs ?? byHandMs).p50,
}

const IDLE: Figures<IdleSample> = { rssBytesEach: ({ rssBytesEach }) => rssBytesEach }

/** The first of each is the one that is compared by default. */
export const FIGURES: { readonly [S in Scenario]: Figures<SampleOf[S]> } = {
  accepted: RATE,
  refused: RATE,
  scattered: RATE,
  burst: {},
  storm: {
    perSecond: (sample) => (totalOf(sample) / sample.elapsedMs) * 1_000,
    monitorP999Ms: ({ monitorMs }) => monitorMs.p999,
    monitorMaxMs: ({ monitorMs }) => monitorMs.max,
    delayP99Ms: ({ delayMs }) => delayMs.p99,
    firstP999Ms: ({ firstMonitorMs }) => firstMonitorMs.p999,
    firstMaxMs: ({ firstMonitorMs }) => firstMonitorMs.max,
    delayP999Ms: ({ delayMs }) => delayMs.p999,
  },
  cancel: {
    freeMs: ({ freeMs }) => freeMs,
    callMs: ({ callMs }) => callMs,
  },
  idle: IDLE,
  handshake: HANDSHAKE,
  'handshake-veth': HANDSHAKE,
  'long-list': {
    perSecond: ({ perSecond }) => perSecond,
    ofShort: ({ perSecond, shortPerSecond }) => perSecond / shortPerSecond,
    growthMB: ({ rssGrowthBytes }) => rssGrowthBytes / BYTES_PER_MB,
    peakMB: ({ rssPeakBytes }) => rssPeakBytes / BYTES_PER_MB,
  },
  ...each<PacingScenario, Figures<PacingSample>>(PACING_SCENARIOS, PACING),
  ...each<TransferScenario, Figures<TransferSample>>(TRANSFER_SCENARIOS, TRANSFER),
}

function each<Key extends string, Value>(keys: readonly Key[], value: Value): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, value])) as Record<Key, Value>
}
