/** Everything public of `@pollout/load`. */
export { runLoad } from './load.js'
export { Histogram } from './measure/histogram.js'
export type { Failures, Times } from './measure/recorder.js'
export type { Second } from './measure/time-series.js'
export type { ArrivalPlan, LoadOptions, RequestKind } from './options.js'
export {
  type Arrivals,
  arrivals,
  expectedArrivals,
  type Spacing,
  type Stage,
} from './plan/arrivals.js'
export type { Progress } from './progress.js'
export { QUANTILES } from './quantiles.js'
export { type LoadResult, RESULT_SCHEMA, type TimesSummary } from './result.js'
export { type JudgedThreshold, judge, parseThreshold, type Threshold } from './thresholds.js'
export type { Problem } from './validity.js'
