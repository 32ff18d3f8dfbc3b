/** Random programs: an operation is a 32-bit word, so that they are made and shortened fast. */

const SLOTS = 256

/** How often each is drawn, out of their sum. */
const WEIGHTS = {
  open: 12,
  /** open() and connect() at once, and mostly register(): else few programs got far. */
  start: 30,
  connect: 16,
  register: 44,
  deregister: 8,
  finish: 12,
  send: 24,
  receive: 18,
  shutdown: 5,
  closeReset: 12,
  closeGraceful: 8,
  localAddress: 3,
  peerAddress: 5,
  poll: 8,
  /** Yields to the event loop once. */
  turn: 26,
  /** Yields until something is reported, or for a millisecond. */
  wait: 1,
  reference: 3,
  bind: 4,
  setOption: 5,
  disconnect: 2,
  detach: 4,
  adopt: 5,
  destroy: 1,
} as const

export type Operation = keyof typeof WEIGHTS
export const OPERATIONS = tableOf<Operation>(WEIGHTS)

/** For each value of a byte the operation that it stands for. */
export function tableOf<Name extends string>(weights: Readonly<Record<Name, number>>): Name[] {
  const entries = Object.entries<number>(weights) as [Name, number][]
  const table = entries.flatMap(([name, weight]) => new Array<Name>(weight).fill(name))
  if (table.length !== SLOTS) throw new Error(`the weights add up to ${table.length}`)
  return table
}

/** One operation and its arguments: which socket, and two more, each from 0 to 255. */
export interface Step<Name extends string = Operation> {
  operation: Name
  socket: number
  first: number
  second: number
}

/** Reads a program word by word; who is called from inside the sink goes on where the others stopped. */
export class Program<Name extends string> {
  readonly #words: Uint32Array
  readonly #table: readonly Name[]
  #next = 0
  /** The same object each time: a run makes many. */
  readonly step: Step<Name>

  constructor(words: Uint32Array, table: readonly Name[]) {
    this.#words = words
    this.#table = table
    this.step = { operation: table[0] as Name, socket: 0, first: 0, second: 0 }
  }

  get executed(): number {
    return this.#next
  }

  /** Fills `step`; false at the program's end. */
  advance(): boolean {
    const word = this.#words[this.#next]
    if (word === undefined) return false
    this.#next++
    const { step } = this
    step.operation = this.#table[word & 0xff] as Name
    step.socket = (word >>> 8) & 0xff
    step.first = (word >>> 16) & 0xff
    step.second = word >>> 24
    return true
  }

  /** A number from 0 to 255 for a decision that is no operation: of the word that comes next, which stays. */
  peek(): number {
    return (this.#words[this.#next] ?? 0) >>> 24
  }
}
