/** Happy Eyeballs on the real kernel: broken IPv6, of several kinds, costs the attempt delay and one round trip. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type * as Listening from '../src/programs/listening.js'
import type * as Racing from '../src/programs/racing.js'
import type { Program } from '../src/rig/agent-process.js'
import { type Network, openNetwork } from '../src/rig/network.js'
import { missing } from '../src/rig/requirements.js'
import { BACKENDS, describeNetwork, needs } from './suite.js'

const PORT = 5000
/** Where IPv6 is broken on the way back. */
const FILTERED_PORT = 5001
const V4 = '10.9.0.2'
const V6 = 'fd00:9::2'
/** Neighbours that have a link address, and answer nothing. */
const SILENT = { v4: '10.9.0.3', v6: 'fd00:9::3' } as const
const UNREACHABLE_V6 = 'fd00:dead::1'
const HERE_V6 = 'fd00:9::1'

const RULES = `
  table ip6 broken {
    chain in {
      type filter hook input priority 0
      tcp sport ${FILTERED_PORT} drop
    }
  }`

/** RFC 8305's default. */
const STAGGER_MS = 250
/** For a round trip over the cable; what the machine had to do elsewhere is not counted. */
const SLACK_MS = 100

describeNetwork('Happy Eyeballs', () => {
  let network: Network
  let racing: Program<typeof Racing>

  beforeAll(async () => {
    network = await openNetwork({
      cables: [
        {
          name: 'v0',
          addresses: ['10.9.0.1/24', `${HERE_V6}/64 nodad`],
          neighbours: { [SILENT.v4]: '02:00:00:00:00:03', [SILENT.v6]: '02:00:00:00:00:03' },
          peer: [`${V4}/24`, `${V6}/64 nodad`],
        },
      ],
      routes: [`unreachable ${UNREACHABLE_V6}/64`],
      ...(missing('nft') ? {} : { rules: RULES }),
    })
    racing = network.agent.program<typeof Racing>('racing')
    const listening = network.peer.program<typeof Listening>('listening')
    for (const port of [PORT, FILTERED_PORT])
      await listening('listen', { host: '::', port }, 'keep')
  })

  afterAll(() => network?.close())

  /** The fastest of three: what is measured is the library, not who else is on the machine. */
  async function fastest(
    ...call: Parameters<(typeof Racing)['race']>
  ): Promise<Awaited<ReturnType<(typeof Racing)['race']>>> {
    const races = [await racing('race', ...call)]
    while (races.length < 3) races.push(await racing('race', ...call))
    for (const { leaked } of races) expect(leaked).toBe(0)
    return races.reduce((best, one) => (one.elapsedMs < best.elapsedMs ? one : best))
  }

  describe.for(BACKENDS)('%s', (backend) => {
    it('IPv6 that works is taken at once', async (context) => {
      needs(context, backend)
      const told = await fastest(backend, [V6, V4], PORT)
      expect(told).toMatchObject({ result: V6, others: [] })
      expect(told.elapsedMs - told.starvedMs).toBeLessThan(SLACK_MS)
    })

    it.for([
      ['is black-holed on the way there', [SILENT.v6, V4], PORT],
      ['is dropped by a packet filter on the way back', [V6, V4], FILTERED_PORT],
    ] as const)('IPv6 %s: connected within the stagger and a round trip', async (row, context) => {
      const [, addresses, port] = row
      needs(context, backend, ...(port === FILTERED_PORT ? (['nft'] as const) : []))
      const told = await fastest(backend, addresses, port)
      expect(told).toMatchObject({ result: V4, others: [`${addresses[0]} ABORT_ERR`] })
      expect(told.elapsedMs).toBeGreaterThanOrEqual(STAGGER_MS - 1)
      expect(told.elapsedMs - told.starvedMs).toBeLessThan(STAGGER_MS + SLACK_MS)
    })

    it('IPv6 without a route costs nothing', async (context) => {
      needs(context, backend)
      const told = await fastest(backend, [UNREACHABLE_V6, V4], PORT)
      expect(told).toMatchObject({ result: V4, others: [`${UNREACHABLE_V6} EHOSTUNREACH`] })
      expect(told.elapsedMs - told.starvedMs).toBeLessThan(SLACK_MS)
    })

    it('IPv6 is slow and all that works: it is not given up for the stagger', async (context) => {
      needs(context, backend)
      const options = { attemptDelayMs: 50, timeoutMs: 10_000 }
      const told = await racing('raceWithSlow', backend, HERE_V6, [SILENT.v4], 300, options)
      expect(told).toMatchObject({ result: HERE_V6, others: [`${SILENT.v4} ABORT_ERR`] })
      expect(told.elapsedMs).toBeGreaterThan(300)
    })

    it('nothing answers: all in flight until the deadline, and closed by it', async (context) => {
      needs(context, backend, 'nft')
      const options = { attemptDelayMs: 20, timeoutMs: 200 }
      const told = await racing('race', backend, [SILENT.v6, SILENT.v4, V6], FILTERED_PORT, options)
      expect(told).toMatchObject({ result: 'ETIMEDOUT', leaked: 0 })
      expect(told.others).toEqual(
        [SILENT.v6, SILENT.v4, V6].map((address) => `${address} ETIMEDOUT`),
      )
    })
  })
})
