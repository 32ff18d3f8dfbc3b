/** A fan-out's progress while it runs: one line on stderr, redrawn in place. Only for terminals. */
import { type Options, type Params, SingleBar } from 'cli-progress'
import { whole } from './summary.js'
import type { Tally } from './tally.js'

const REDRAW_MS = 100
const BAR_WIDTH = 20
/** The rate shown is that of the last so many redraws. */
const RATE_WINDOW = 20
const LONGEST_ETA_S = 99 * 3_600

export class Progress implements Disposable {
  readonly #tally: Tally
  readonly #sizeBytes: number | undefined
  readonly #bar: SingleBar
  readonly #timer: NodeJS.Timeout
  readonly #history: { atMs: number; total: number; bytes: number }[] = []
  #bytes = 0

  constructor(tally: Tally, sizeBytes: number | undefined) {
    this.#tally = tally
    this.#sizeBytes = sizeBytes
    this.#bar = new SingleBar({
      stream: process.stderr,
      format: (options, params) => this.#line(options, params),
      // Left as it is: a second Ctrl-C would leave the terminal without it. The line is cut to the width instead.
      linewrap: true,
      clearOnComplete: true,
      barsize: BAR_WIDTH,
      forceRedraw: true,
    })
    this.#bar.start(sizeBytes ?? 0, 0)
    this.#timer = setInterval(() => this.#bar.update(this.#bytes), REDRAW_MS).unref()
  }

  position(bytes: number): void {
    this.#bytes = bytes
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#bar.stop()
  }

  #line(options: Options, { progress }: Params): string {
    const now = { atMs: performance.now(), total: this.#tally.total, bytes: this.#bytes }
    const first = this.#history[0] ?? now
    this.#history.push(now)
    if (this.#history.length > RATE_WINDOW) this.#history.shift()
    const seconds = Math.max((now.atMs - first.atMs) / 1_000, 0.001)

    const kinds = [...this.#tally.perKind].map(([kind, count]) => `${kind} ${whole(count)}`)
    const parts = [`${whole((now.total - first.total) / seconds)}/s`, ...kinds]
    if (this.#sizeBytes !== undefined) {
      const filled = Math.round(Math.min(progress, 1) * BAR_WIDTH)
      const bar = `${options.barCompleteString?.slice(0, filled)}${options.barIncompleteString?.slice(0, BAR_WIDTH - filled)}`
      const etaS = (this.#sizeBytes - now.bytes) / ((now.bytes - first.bytes) / seconds)
      const percentage = Math.floor(Math.min(progress, 1) * 100)
      parts.unshift(`[${bar}] ${percentage} %`, `ETA ${duration(etaS)}`)
    }
    return parts.join('  ').slice(0, (process.stderr.columns || 80) - 1)
  }
}

function duration(seconds: number): string {
  if (!(seconds <= LONGEST_ETA_S)) return '-'
  const whole = Math.ceil(seconds)
  const parts = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60]
  return parts.map((part) => String(part).padStart(2, '0')).join(':')
}
