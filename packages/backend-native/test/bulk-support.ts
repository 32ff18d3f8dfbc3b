/** Shared by the tests of the bulk lane: records in and out, and a suite that runs with 0, 1 and 2 threads. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { nativeBackend } from '@pollout/backend-native'
import {
  ATTEMPT_BYTES,
  AttemptField,
  type Backend,
  type BulkConnector,
  type BulkLane,
  type BulkLaneOptions,
  OUTCOME_FIELDS,
  OutcomeField,
} from '@pollout/core'
import { afterEach, beforeEach, describe, expect } from 'vitest'
import {
  ADDON,
  availability,
  descriptors,
  listen,
  type TestServer,
  title,
  turn,
} from './support.js'

export interface AttemptSpec {
  readonly id: number
  readonly to: { readonly address: string; readonly port: number }
  readonly scope?: number
  readonly timeoutMs?: number
  readonly startAt?: number
  /** Counted from 1. */
  readonly source?: number
  readonly sourcePort?: number
}

export interface Outcome {
  readonly id: number
  readonly status: number
  readonly step: number
  readonly handle: number
  readonly startedAt: number
  readonly sentAt: number
  readonly readyAt: number
  readonly endedAt: number
}

/** The records of these attempts; without a timeout they have 30 s. */
export function encode(specs: readonly AttemptSpec[]): Uint8Array {
  const bytes = new Uint8Array(specs.length * ATTEMPT_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [index, spec] of specs.entries()) {
    const at = index * ATTEMPT_BYTES
    const v6 = isIPv6(spec.to.address)
    view.setUint32(at + AttemptField.ID, spec.id, true)
    view.setUint16(at + AttemptField.IP_VERSION, v6 ? 6 : 4, true)
    view.setUint16(at + AttemptField.PORT, spec.to.port, true)
    view.setUint32(at + AttemptField.SCOPE, spec.scope ?? 0, true)
    view.setUint16(at + AttemptField.SOURCE, spec.source ?? 0, true)
    view.setUint16(at + AttemptField.SOURCE_PORT, spec.sourcePort ?? 0, true)
    bytes.set(
      v6 ? bytesOfV6(spec.to.address) : bytesOfV4(spec.to.address),
      at + AttemptField.ADDRESS,
    )
    view.setFloat64(at + AttemptField.TIMEOUT_MS, spec.timeoutMs ?? 30_000, true)
    view.setFloat64(at + AttemptField.START_AT, spec.startAt ?? 0, true)
  }
  return bytes
}

const bytesOfV4 = (text: string): number[] => text.split('.').map(Number)

/** Of the few forms that tests use: `::1`, `fe80::1`. */
function bytesOfV6(text: string): Uint8Array {
  const [head = '', tail = ''] = text.split('::')
  const words = (part: string) =>
    part === '' ? [] : part.split(':').map((w) => Number.parseInt(w, 16))
  const bytes = new DataView(new ArrayBuffer(16))
  for (const [index, word] of words(head).entries()) bytes.setUint16(index * 2, word)
  const last = words(tail)
  for (const [index, word] of last.entries()) bytes.setUint16(16 - (last.length - index) * 2, word)
  return new Uint8Array(bytes.buffer)
}

function decode(records: Float64Array, index: number): Outcome {
  const field = (name: keyof typeof OutcomeField) =>
    records[index * OUTCOME_FIELDS + OutcomeField[name]] as number
  return {
    id: field('ID'),
    status: field('STATUS'),
    step: field('STEP'),
    handle: field('HANDLE'),
    startedAt: field('STARTED_AT'),
    sentAt: field('SENT_AT'),
    readyAt: field('READY_AT'),
    endedAt: field('ENDED_AT'),
  }
}

/** A lane that keeps what it is told; `onBatch` runs inside the delivery. */
export class RecordedLane {
  readonly outcomes: Outcome[] = []
  /** The sizes of the batches. */
  readonly batches: number[] = []
  onBatch: (batch: readonly Outcome[], records: Float64Array) => void = () => {}
  readonly lane: BulkLane
  #wake: () => void = () => {}

  constructor(bulk: BulkConnector, options: Partial<BulkLaneOptions> = {}) {
    this.lane = bulk.open(
      {
        limit: 100,
        onConnected: 'reset',
        options: { inet: [], inet6: [] },
        sources: [],
        ...options,
      },
      {
        outcomes: (records, count) => {
          const batch = Array.from({ length: count }, (_, index) => decode(records, index))
          this.outcomes.push(...batch)
          this.batches.push(count)
          this.onBatch(batch, records)
          this.#wake()
        },
      },
    )
  }

  submit(...specs: readonly AttemptSpec[]): void {
    this.lane.submit(encode(specs), specs.length)
  }

  /** The first `count` outcomes, once they are there. */
  async told(count: number): Promise<readonly Outcome[]> {
    while (this.outcomes.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.outcomes
  }

  /** The outcome of one attempt that it makes. */
  async outcomeOf(spec: Omit<AttemptSpec, 'id'>): Promise<Outcome> {
    const id = this.outcomes.length
    this.submit({ id, ...spec })
    return (await this.told(id + 1))[id] as Outcome
  }
}

/** What each test of a suite has, made anew for each. */
export class LaneKit {
  readonly backend: Backend
  readonly bulk: BulkConnector
  readonly threads: number
  /** To be undone after the test, the last one first. */
  readonly cleanups: (() => unknown)[] = []

  constructor(threads: number) {
    this.threads = threads
    this.backend = nativeBackend({ threads })({
      ready: () => {},
      broken: (cause) => {
        throw cause
      },
    })
    if (this.backend.bulk === undefined) throw new Error('no bulk lane')
    this.bulk = this.backend.bulk
  }

  open(options?: Partial<BulkLaneOptions>): RecordedLane {
    return new RecordedLane(this.bulk, options)
  }

  async serve(where?: Parameters<typeof listen>[0]): Promise<TestServer> {
    const server = await listen(where)
    this.cleanups.push(() => server.close())
    return server
  }

  /** A listener whose queue is full, and that nobody accepts from: a connect to it gets no answer. */
  async silent(): Promise<{ readonly address: string; readonly port: number }> {
    const child = spawn(process.execPath, ['-e', SILENT], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.cleanups.push(() => {
      child.kill('SIGKILL')
      return once(child, 'close')
    })
    const [line] = await once(child.stdout, 'data')
    return { address: '127.0.0.1', port: Number(line) }
  }
}

/** Fills its own queue, which has room for two, and stands still before the loop accepts any. */
const SILENT = `
  const { createBackend } = require(${JSON.stringify(ADDON)})
  const server = require('node:net').createServer().listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
    const backend = createBackend(() => {}, () => {})
    const { port } = server.address()
    for (let i = 0; i < 4; i++) backend.connect(backend.open(2, 1), 2, '127.0.0.1', port)
    require('node:fs').writeSync(1, String(port))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })
`

/** A suite that runs with threads and without; after each test no descriptor is left. */
export function describeLanes(name: string, body: (kit: () => LaneKit) => void): void {
  describe.skipIf(!availability.available).each([0, 1, 2])(
    `native bulk lane, %i threads: ${name}${title}`,
    (threads) => {
      let current: LaneKit | undefined
      let before: Set<number>
      beforeEach(() => {
        before = descriptors()
        current = new LaneKit(threads)
      })
      afterEach(async () => {
        const kit = current
        current = undefined
        if (kit === undefined) return
        for (const undo of kit.cleanups.reverse()) await undo()
        await kit.backend.destroy()
        expect(kit.backend.openHandles).toBe(0)
        expect(descriptors()).toEqual(before)
      })
      body(() => {
        if (current === undefined) throw new Error('outside of a test')
        return current
      })
    },
  )
}

/** Waits until `done()`, looking once a loop turn. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await turn()
}
