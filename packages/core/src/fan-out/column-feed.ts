/** Targets as columns, read into tasks row by row. */
import { isPort } from '../backend/arguments.js'
import { inNetworkOrder } from '../backend/byte-order.js'
import type { TargetColumns } from './columns.js'
import type { Feed } from './fan-out-sides.js'
import { V4_MAPPED } from './literal.js'
import { openSource, type Puller, type SourceListener, type TargetSource } from './target-source.js'
import type { Task } from './task.js'
import type { TaskPool } from './task-pool.js'

export function columnFeed(
  source: TargetSource<TargetColumns>,
  listener: SourceListener,
): Feed<number> {
  return new ColumnFeed(openSource(source, listener))
}

const NO_BYTES = new Uint8Array(0)
const NO_NUMBERS = new Uint32Array(0)

class ColumnFeed implements Feed<number> {
  readonly #batches: Puller<TargetColumns>
  /** One of the two is in use. */
  #isNumbers = true
  #numbers: Uint32Array = NO_NUMBERS
  #bytes: Uint8Array = NO_BYTES
  /** Not in use where `#port` is everybody's. */
  #ports: Uint16Array | undefined
  #port = 0
  #count = 0
  #row = 0
  /** Of the next target, over all batches. */
  #index = 0

  constructor(batches: Puller<TargetColumns>) {
    this.#batches = batches
  }

  pull(tasks: TaskPool<number>, now: number): Task<number> | 'end' | undefined {
    while (this.#row === this.#count) {
      const pulled = this.#batches.pull()
      if (pulled === undefined) return undefined
      if (pulled.done) return 'end'
      this.#open(pulled.value)
    }
    this.#assertThere()
    const task = tasks.take(this.#index++, now)
    const row = this.#row++
    task.isTcp = true
    task.port = this.#ports === undefined ? this.#port : (this.#ports[row] as number)
    if (this.#isNumbers) readNumber(task, this.#numbers[row] as number)
    else readBytes(task, this.#bytes, row * 16)
    return task
  }

  cancel(): void {
    this.#batches.cancel()
  }

  /** The arrays are the user's, who may have transferred them: what is read then is 0, another host's address. */
  #assertThere(): void {
    const addresses = this.#isNumbers ? this.#numbers.length : this.#bytes.length / 16
    const ports = this.#ports?.length ?? this.#count
    if (addresses >= this.#count && ports >= this.#count) return
    throw new RangeError(
      'addresses or ports were transferred, or have shrunk, before all of them were read',
    )
  }

  /** Throws TypeError or RangeError for what are no columns: the source has failed. */
  #open(columns: TargetColumns): void {
    const { addresses, ports } = columns
    const isNumbers = addresses instanceof Uint32Array
    if (!isNumbers && !(addresses instanceof Uint8Array)) {
      throw new TypeError(
        'addresses must be a Uint32Array (IPv4), or a Uint8Array of 16 bytes each',
      )
    }
    const there = isNumbers ? addresses.length : addresses.length / 16
    const { count = there } = columns
    if (!Number.isInteger(count) || count < 0 || count > there) {
      throw new RangeError(`there are ${there} addresses, so count can't be ${String(count)}`)
    }
    this.#isNumbers = isNumbers
    this.#numbers = isNumbers ? addresses : NO_NUMBERS
    this.#bytes = isNumbers ? NO_BYTES : addresses
    this.#usePorts(ports, count)
    this.#count = count
    this.#row = 0
  }

  #usePorts(ports: Uint16Array | number, count: number): void {
    if (ports instanceof Uint16Array) {
      if (ports.length < count) throw new RangeError(`there are ${ports.length} ports for ${count}`)
      this.#ports = ports
    } else if (isPort(ports)) {
      this.#ports = undefined
      this.#port = ports
    } else throw new TypeError('ports must be a Uint16Array, or a whole number from 0 to 65535')
  }
}

function readNumber(task: Task<number>, address: number): void {
  task.version = 4
  task.word0 = inNetworkOrder(address) | 0
  task.word1 = task.word2 = task.word3 = 0
}

function readBytes(task: Task<number>, bytes: Uint8Array, at: number): void {
  const word0 = wordAt(bytes, at)
  const word1 = wordAt(bytes, at + 4)
  const word2 = wordAt(bytes, at + 8)
  const word3 = wordAt(bytes, at + 12)
  if (word0 === 0 && word1 === 0 && word2 === V4_MAPPED) {
    task.version = 4
    task.word0 = word3
    task.word1 = task.word2 = task.word3 = 0
    return
  }
  task.version = 6
  task.word0 = word0
  task.word1 = word1
  task.word2 = word2
  task.word3 = word3
}

/** Four bytes as they would lie in memory. */
function wordAt(bytes: Uint8Array, at: number): number {
  const number =
    ((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)
  return inNetworkOrder(number) | 0
}
