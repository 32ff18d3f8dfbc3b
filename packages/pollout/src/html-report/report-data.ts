/** What the page of a report draws its charts from: the one thing that passes from the program to the browser. */

export interface ReportData {
  readonly rate: RateSeries
  /** Of those that connected; undefined where none did. */
  readonly latency: LatencyData | undefined
}

/** Outcomes over time, in bins of equal length. */
export interface RateSeries {
  readonly binMs: number
  readonly kinds: readonly {
    readonly kind: string
    /** Outcomes in each bin. */
    readonly counts: readonly number[]
  }[]
}

export interface LatencyData {
  /** Bins of equal width on a logarithmic scale, empty ones included. */
  readonly bins: readonly { readonly fromMs: number; readonly count: number }[]
  /** The curve: so many percent took no longer than that. */
  readonly curve: readonly { readonly percentile: number; readonly ms: number }[]
}
