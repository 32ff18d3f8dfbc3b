/** Deno's own way to connect, as a contestant: it has no reset, so this one closes. Runs in Deno. */
import type { Run } from '../api.js'
import type { RateJob, Tally } from '../job.js'
import { measureRate } from '../measure-rate.js'
import { countFailure, newTally, pick } from '../tally.js'

declare const Deno: {
  connect(options: { readonly hostname: string; readonly port: number }): Promise<{ close(): void }>
}

const job = JSON.parse(process.argv[2] ?? '') as RateJob
process.stdout.write(`${JSON.stringify(await measureRate(run, job))}\n`)

async function run({ addresses, count, inFlight }: Run): Promise<Tally> {
  const tally = newTally()
  let begun = 0
  const connectInTurn = async () => {
    while (begun < count) {
      const { host, port } = pick(addresses, begun++)
      try {
        const connection = await Deno.connect({ hostname: host, port })
        tally.connected++
        connection.close()
      } catch (error) {
        countFailure(tally, (error as NodeJS.ErrnoException).code)
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, connectInTurn))
  return tally
}
