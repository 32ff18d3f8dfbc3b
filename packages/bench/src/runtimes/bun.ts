/** Bun's own way to connect, as a contestant: one set of handlers for all sockets, as its manual has it. Runs in Bun. */
import type { Run } from '../api.js'
import type { RateJob, Tally } from '../job.js'
import { measureRate } from '../measure-rate.js'
import { countFailure, keepInFlight, pick } from '../tally.js'

interface BunSocket {
  /** Resets. */
  terminate(): void
}

declare const Bun: {
  connect(options: {
    readonly hostname: string
    readonly port: number
    readonly socket: {
      open(socket: BunSocket): void
      data(): void
      connectError(socket: BunSocket, error: NodeJS.ErrnoException): void
    }
  }): Promise<BunSocket>
}

const job = JSON.parse(process.argv[2] ?? '') as RateJob
process.stdout.write(`${JSON.stringify(await measureRate(run, job))}\n`)

function run({ addresses, count, inFlight }: Run): Promise<Tally> {
  return keepInFlight(count, inFlight, (tally, next) => {
    const socket = {
      open(one: BunSocket) {
        tally.connected++
        one.terminate()
        next()
      },
      data() {},
      connectError(_socket: BunSocket, error: NodeJS.ErrnoException) {
        countFailure(tally, error.code)
        next()
      },
    }
    return (index) => {
      const { host, port } = pick(addresses, index)
      // Rejects with what connectError() is told.
      Bun.connect({ hostname: host, port, socket }).catch(() => {})
    }
  })
}
