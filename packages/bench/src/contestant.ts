/** A contestant's process: does the job given as JSON in its argument, prints a sample as JSON. */
import type { Api } from './api.js'
import { openApi } from './apis.js'
import type { Job, Tally } from './job.js'
import { measureBurst } from './measure-burst.js'
import { measureCancel } from './measure-cancel.js'
import { measureHandshake } from './measure-handshake.js'
import { measureIdle } from './measure-idle.js'
import { measureLongList } from './measure-long-list.js'
import { measurePacing } from './measure-pacing.js'
import { measureRate } from './measure-rate.js'
import { measureStorm } from './measure-storm.js'
import { measureTransfer } from './measure-transfer.js'

const job = JSON.parse(process.argv[2] ?? '') as Job
const api = openApi(job.api)
process.stdout.write(`${JSON.stringify(await perform(api, job))}\n`)
// Destroys what is still open; the process then ends by itself.
await api.end()
// But for the idle sockets of node:net, which belong to no reactor.
if (job.kind === 'idle') process.exit()

function perform(api: Api, job: Job): Promise<Tally> {
  switch (job.kind) {
    case 'rate':
      return measureRate(api.run, job)
    case 'burst':
      return measureBurst(api, job)
    case 'idle':
      return measureIdle(api, job)
    case 'handshake':
      return measureHandshake(api, job)
    case 'transfer':
      return measureTransfer(api, job)
    case 'storm':
      return measureStorm(api, job)
    case 'cancel':
      return measureCancel(api, job)
    case 'pacing':
      return measurePacing(api, job)
    case 'long-list':
      return measureLongList(api, job)
  }
}
