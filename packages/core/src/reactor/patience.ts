/** How long somebody else is waited for on what is connected already: an answer, room to send, any sign of life. */
import type { Timer } from './clock.js'
import { Expirable } from './deadlines.js'
import type { ReactorCore } from './reactor-core.js'

/** What shows that the one who is waited for has not been silent. */
export interface Moving {
  /** From now on it notes when something comes or goes. */
  noteMoves(): void
  /** When something came or went last. */
  readonly movedAt: number
}

export type PatientCore = Pick<ReactorCore, 'clock' | 'patience'>

export class Patience extends Expirable {
  readonly #core: PatientCore
  readonly #limitMs: number
  readonly #over: () => void
  readonly #moving: Moving | undefined
  #isStopped = false

  /** Calls back `limitMs` from now, unless touched. Fires once; touched after that, it runs again. Keeps no process alive. */
  constructor(core: PatientCore, limitMs: number, over: () => void, moving?: Moving) {
    super()
    this.#core = core
    this.#limitMs = limitMs
    this.#over = over
    this.#moving = moving
    moving?.noteMoves()
    core.patience.add(this, limitMs, core.clock.now())
  }

  /** Its time begins anew. */
  touch(now = this.#core.clock.now()): void {
    if (this.#isStopped) return
    const { patience } = this.#core
    if (this.deadlineList?.timeoutMs === this.#limitMs) return patience.restart(this, now)
    // It had its time, or was given a little more.
    patience.remove(this)
    patience.add(this, this.#limitMs, now)
  }

  /** Fired, but something moved at `movedAt`: it has what is left since then. In powers of two, as each length has a list. */
  goOn(movedAt: number): void {
    if (this.#isStopped) return
    const now = this.#core.clock.now()
    const leftMs = Math.max(1, movedAt + this.#limitMs - now)
    this.#core.patience.add(this, 2 ** Math.floor(Math.log2(leftMs)), now)
  }

  stop(): void {
    this.#isStopped = true
    const { patience } = this.#core
    patience.remove(this)
    patience.rest()
  }

  override get movedAt(): number {
    return this.#moving?.movedAt ?? super.movedAt
  }

  expire(): void {
    this.#over()
  }
}

/** Calls back once, when `limitMs` have passed; something is under way until then. */
export function waitAtMost(
  core: PatientCore & Pick<ReactorCore, 'hold' | 'release'>,
  limitMs: number,
  over: () => void,
  moving?: Moving,
): Timer {
  let isOver = false
  const end = (): boolean => {
    if (isOver) return false
    isOver = true
    core.release()
    return true
  }
  const patience = new Patience(core, limitMs, () => end() && over(), moving)
  core.hold()
  return {
    cancel() {
      if (end()) patience.stop()
    },
  }
}

/**
 * How long somebody else has been waited for from now on: no longer than this loop has listened, where its clock knows. It tells that
 * a long task held the loop up, and not that the process was stopped while it listened.
 */
export function timeWaited({ clock }: Pick<PatientCore, 'clock'>): () => number {
  const from = clock.now()
  const waitedBefore = clock.waitedMs?.()
  return () => {
    const elapsedMs = clock.now() - from
    if (waitedBefore === undefined) return elapsedMs
    return Math.min(elapsedMs, (clock.waitedMs?.() ?? 0) - waitedBefore)
  }
}

/**
 * What is left of a limit for what comes next: all of it after who took longer, and was not expired. That one was held up by
 * this side, for how long nobody knows.
 */
export function timeLeft(limitMs: number, elapsedMs: number): number {
  return elapsedMs < limitMs ? limitMs - elapsedMs : limitMs
}
