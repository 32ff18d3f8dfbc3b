/** What was done last, kept cheaply and written out when something fails. */
const KEPT = 2_000
const SHOWN = 40

export class Trace {
  readonly #names = new Array<string>(KEPT).fill('')
  readonly #sockets = new Float64Array(KEPT)
  readonly #arguments = new Float64Array(KEPT)
  readonly #results = new Float64Array(KEPT)
  #count = 0

  note(name: string, socket: number, argument: number, result: number): void {
    const at = this.#count++ % KEPT
    this.#names[at] = name
    this.#sockets[at] = socket
    this.#arguments[at] = argument
    this.#results[at] = result
  }

  /** The last operations, and those on the socket that `failure` names. */
  describe(failure: unknown): string {
    const id = Number(/socket (\d+)/.exec(String(failure))?.[1] ?? Number.NaN)
    const lines: string[] = []
    for (let i = Math.max(0, this.#count - KEPT); i < this.#count; i++) {
      const at = i % KEPT
      if (this.#sockets[at] !== id && i < this.#count - SHOWN) continue
      const call = `${this.#names[at]}(${this.#sockets[at]}, ${this.#arguments[at]})`
      lines.push(`${i} ${call} = ${this.#results[at]}`)
    }
    return lines.join('\n')
  }
}
