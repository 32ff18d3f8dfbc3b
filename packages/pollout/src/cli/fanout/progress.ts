/** A fan-out's progress while it runs, on stderr: a line redrawn in place on a terminal, a new line now and then elsewhere. */

import { whole } from '../../outcomes/figures.js'
import type { Tally } from '../../outcomes/tally.js'
import { clearedLine } from '../common/console.js'

const REDRAW_MS = 100
const NEW_LINE_MS = 5_000
const BAR_WIDTH = 10
/** The rate shown is that of so much time. */
const RATE_WINDOW_MS = 2_000
const LONGEST_ETA_S = 99 * 3_600

export interface InFlight {
  readonly inFlight: number
  /** Failed ones that wait to be tried again. */
  readonly waitingRetries: number
}

/** Drawn by hand: what libraries draw goes back to where the cursor was at the start, over the lines that came since. */
export class Progress implements Disposable {
  readonly #tally: Tally
  readonly #run: InFlight
  readonly #total: number | undefined
  readonly #timer: NodeJS.Timeout
  readonly #history: { readonly atMs: number; readonly done: number }[] = []

  /** `total` is undefined where it is not known before the end. */
  constructor(tally: Tally, run: InFlight, total: number | undefined) {
    this.#tally = tally
    this.#run = run
    this.#total = total
    const { stderr } = process
    const draw = (): void => {
      stderr.write(`\r${this.#line().slice(0, (stderr.columns || 80) - 1)}\x1b[K`)
    }
    const print = (): void => void stderr.write(`pollout: ${this.#line()}\n`)
    this.#line()
    this.#timer = setInterval(stderr.isTTY ? draw : print, stderr.isTTY ? REDRAW_MS : NEW_LINE_MS)
    this.#timer.unref()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    process.stderr.write(clearedLine(process.stderr))
  }

  #line(): string {
    const { total: done, perKind } = this.#tally
    const perSecond = this.#perSecond(done)
    const parts = [`${whole(perSecond)}/s`, `in flight ${whole(this.#run.inFlight)}`]
    const { waitingRetries } = this.#run
    if (waitingRetries > 0) parts.push(`to retry ${whole(waitingRetries)}`)
    for (const [kind, count] of perKind) parts.push(`${kind} ${whole(count)}`)
    if (this.#total === undefined) return [`${whole(done)} done`, ...parts].join('  ')
    const share = this.#total === 0 ? 1 : done / this.#total
    const filled = Math.floor(share * BAR_WIDTH)
    const bar = `[${'='.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`
    const eta = duration((this.#total - done) / perSecond)
    return [
      `${bar} ${Math.floor(share * 100)} % of ${whole(this.#total)}`,
      `ETA ${eta}`,
      ...parts,
    ].join('  ')
  }

  #perSecond(done: number): number {
    const now = { atMs: performance.now(), done }
    const first = this.#history[0] ?? now
    this.#history.push(now)
    while (this.#history.length > 2 && now.atMs - (this.#history[1]?.atMs ?? 0) > RATE_WINDOW_MS) {
      this.#history.shift()
    }
    return (now.done - first.done) / Math.max((now.atMs - first.atMs) / 1_000, 0.001)
  }
}

function duration(seconds: number): string {
  if (!(seconds <= LONGEST_ETA_S)) return '-'
  const whole = Math.ceil(seconds)
  const parts = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60]
  return parts.map((part) => String(part).padStart(2, '0')).join(':')
}
