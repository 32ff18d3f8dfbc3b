/** pollout's `connectBatches()`: targets and outcomes as columns. */

import { OUTCOME_KINDS, type OutcomeBatch, type TargetColumns } from '@pollout/core'
import type { Observable } from 'rxjs'
import type { PolloutRuns } from './api-pollout.js'
import type { Address, Tally } from './job.js'
import { listOf, newTally, pick } from './tally.js'

/** Targets handed over at a time, or a few more. */
const ROWS = 1_024
const CONNECTED = OUTCOME_KINDS.indexOf('connected')
const REFUSED = OUTCOME_KINDS.indexOf('refused')

export const connectBatches: PolloutRuns = {
  run(reactor, { addresses, count, inFlight }) {
    const options = { concurrency: inFlight, onConnected: 'reset' } as const
    return consume(reactor.connectBatches(inTurn(addresses, count), options))
  },
  runList(reactor, { addressOf, count, inFlight }) {
    const options = { concurrency: inFlight, onConnected: 'reset' } as const
    const targets = listOf(count, (index) => {
      const { host, port } = addressOf(index)
      return { address: toNumber(host), port }
    })
    return consume(reactor.connectBatches(columnsOf(targets), options))
  },
  runPaced(reactor, { addresses, count, rate, longestMs }, startedAt) {
    const options = { rate, onConnected: 'reset' } as const
    const outcomes = reactor.connectBatches(inTurn(addresses, count, longestMs), options)
    return consume(outcomes, ({ sentAt }) => {
      for (const at of sentAt) startedAt.push(at)
    })
  },
  hang(reactor, addresses, count) {
    const options = { concurrency: count, timeoutMs: Number.POSITIVE_INFINITY }
    const subscription = reactor.connectBatches(inTurn(addresses, count), options).subscribe()
    return () => subscription.unsubscribe()
  },
}

interface NumericAddress {
  readonly address: number
  readonly port: number
}

/** One batch, again and again: whole rounds of the addresses, as its user would have them at hand. */
function* inTurn(
  addresses: readonly Address[],
  count: number,
  longestMs = Number.POSITIVE_INFINITY,
): Generator<TargetColumns> {
  const rows = addresses.length * Math.ceil(ROWS / addresses.length)
  const round = Array.from({ length: rows }, (_, row) => pick(addresses, row))
  const columns = {
    addresses: Uint32Array.from(round, ({ host }) => toNumber(host)),
    ports: Uint16Array.from(round, ({ port }) => port),
  }
  const endsAt = performance.now() + longestMs
  for (let left = count; left > 0 && performance.now() < endsAt; left -= rows)
    yield { ...columns, count: Math.min(rows, left) }
}

/** A list into columns; the same arrays for each batch, as one has been read when the next is asked for. */
function* columnsOf(targets: Iterator<NumericAddress>): Generator<TargetColumns> {
  const addresses = new Uint32Array(ROWS)
  const ports = new Uint16Array(ROWS)
  for (let count = ROWS; count === ROWS; ) {
    count = 0
    for (; count < ROWS; count++) {
      const next = targets.next()
      if (next.done) break
      addresses[count] = next.value.address
      ports[count] = next.value.port
    }
    if (count > 0) yield { addresses, ports, count }
  }
}

function toNumber(host: string): number {
  return host.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
}

/** Counts all outcomes, and shows each batch. */
function consume(
  batches: Observable<OutcomeBatch>,
  look?: (batch: OutcomeBatch) => void,
): Promise<Tally> {
  const tally = newTally()
  return new Promise((resolve, reject) => {
    batches.subscribe({
      next(batch) {
        const { count, kind, errno } = batch
        for (let row = 0; row < count; row++) {
          if (kind[row] === CONNECTED) tally.connected++
          else if (kind[row] === REFUSED) tally.refused++
          else {
            tally.other++
            tally.firstError ||= errno[row] ?? 0
          }
        }
        look?.(batch)
      },
      error: reject,
      complete: () => resolve(tally),
    })
  })
}
