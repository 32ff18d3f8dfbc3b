/** The bench as a program: that it runs, what it writes, what it says to wrong usage; not speed. */
import { join } from 'node:path'
import { isNativeBackendAvailable } from '@pollout/backend-native'
import { beforeAll, describe, expect, it } from 'vitest'
import { CONTESTANTS, isC, isRuntime, RUNTIMES } from '../src/job.js'
import { PACING_SCENARIOS } from '../src/pacing.js'
import { isTransfer, TRANSFER_SCENARIOS, TRANSFERS } from '../src/transfers.js'
import { bench, folder, HANDSHAKES, ids, type Results, read } from './harness.js'

describe('a quick run', () => {
  const file = join(folder, 'all.json')
  let results: Results
  let stdout: string

  beforeAll(async () => {
    const run = await bench(['--quick', '--json', file])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    stdout = run.stdout
    results = read(file)
  })

  it('has everybody take part who can here', () => {
    const able = CONTESTANTS.map(({ id }) => id).filter((id) => results.skipped[id] === undefined)
    expect(ids(results.accepted)).toEqual(able)
    expect(ids(results.refused)).toEqual(able)
    expect(ids(results.scattered)).toEqual(process.platform === 'linux' ? able : [])
    const here = able.filter((id) => !isRuntime(id))
    const withObjects = here.filter((id) => id !== 'native-batches')
    for (const scenario of ['burst', 'idle'] as const)
      expect(ids(results[scenario])).toEqual(withObjects.filter((id) => !isC(id)))
    expect(ids(results.storm)).toEqual(here.filter((id) => !isC(id)))
    expect(ids(results.cancel)).toEqual(
      results.skipped['c'] === undefined ? here.filter((id) => id !== 'c-reused') : [],
    )
    const fanningOut = ['node-net', 'native-many', 'native-many-0', 'native-batches', 'net-many']
    for (const scenario of PACING_SCENARIOS)
      expect(ids(results[scenario])).toEqual(here.filter((id) => fanningOut.includes(id)))
    const handshakes = results.skippedHandshakes === undefined ? withObjects : []
    for (const scenario of HANDSHAKES) {
      expect(ids(results[scenario])).toEqual(handshakes.filter((id) => id !== 'c-reused'))
    }
    const transferring = ['c', 'node-net', 'native-connect', 'net-connect']
    for (const scenario of TRANSFER_SCENARIOS) {
      const expected = results.skippedTransfers === undefined ? transferring : []
      expect(ids(results[scenario])).toEqual(expected.filter((id) => !(id in results.skipped)))
    }
    expect('native-many' in results.skipped).toBe(!isNativeBackendAvailable().available)
  })

  it.each(['accepted', 'refused', 'scattered'] as const)(
    'counts what was %s and nothing else',
    (scenario) => {
      for (const { figure, samples } of results[scenario]) {
        expect(samples).toHaveLength(1)
        const [sample] = samples
        expect(sample).toMatchObject({
          other: 0,
          [scenario === 'accepted' ? 'refused' : 'connected']: 0,
        })
        expect(sample?.[scenario === 'accepted' ? 'connected' : 'refused']).toBeGreaterThan(0)
        expect(figure?.median).toBeGreaterThan(100)
        expect(figure?.median).toBeLessThan(10_000_000)
      }
    },
  )

  it('compares everybody with node:net, which is as good as itself', () => {
    const rows = [...results.accepted, ...results.refused, ...results.idle]
    for (const { id, ofNodeNet } of rows) {
      if (id === 'node-net') expect(ofNodeNet).toEqual({ median: 1, min: 1, max: 1 })
      else expect(ofNodeNet).toBeDefined()
    }
  })

  it('tells percentiles of a burst, none below the one before it', () => {
    for (const { samples } of results.burst) {
      const [sample] = samples as unknown as [Record<string, Record<string, number>>]
      const { delayMs, latencyMs } = sample
      expect(sample['elapsedMs']).toBeGreaterThan(0)
      for (const { p50, p99, max } of [delayMs, latencyMs] as { [name: string]: number }[]) {
        expect(p50).toBeGreaterThan(0)
        expect(p99).toBeGreaterThanOrEqual(p50 as number)
        expect(max).toBeGreaterThanOrEqual(p99 as number)
      }
    }
  })

  it.each(TRANSFER_SCENARIOS)('has every contestant carry something in %s', (scenario) => {
    for (const { figure, ofNodeNet, samples } of results[scenario]) {
      const [sample] = samples
      expect(sample).toMatchObject({ refused: 0, other: 0 })
      expect(sample?.connected).toBeLessThanOrEqual(TRANSFERS[scenario].connections)
      expect(sample?.work).toBeGreaterThan(0)
      expect(figure?.median).toBeLessThan(10_000_000)
      expect(ofNodeNet).toBeDefined()
    }
  })

  it('tells the CPU time of all threads beside that of the JavaScript thread', () => {
    for (const { id, figures } of [...results.accepted, ...results.refused]) {
      expect(figures['processCpuUs']?.median, id).toBeGreaterThan(1)
      if (process.platform === 'linux') expect(figures['cpuUs']?.median, id).toBeGreaterThan(0)
    }
  })

  it('sees the storm out with the loop watched', () => {
    for (const { samples } of results.storm) {
      const [sample] = samples
      expect(sample).toMatchObject({ connected: results.settings.stormCount, other: 0 })
      expect(sample?.monitorMs.max).toBeGreaterThanOrEqual(sample?.monitorMs.p999 as number)
      // It has watched: the timer of 1 ms has a turn every ms, or later.
      expect(sample?.monitorMs.p50).toBeGreaterThan(0.5)
      expect(sample?.delayMs.max).toBeLessThanOrEqual(sample?.elapsedMs as number)
    }
  })

  it('waits for the last descriptor of what is cancelled', () => {
    for (const { samples } of results.cancel) {
      const [sample] = samples
      expect(sample?.['inFlight']).toBe(results.settings.cancelCount)
      expect(sample?.['freeMs']).toBeGreaterThanOrEqual(sample?.['callMs'] as number)
      expect(sample?.['freeMs']).toBeGreaterThan(0)
    }
  })

  it('looks at a schedule of as many starts as there should be', () => {
    for (const { samples } of results['pacing-1000']) {
      const [sample] = samples
      expect(sample).toMatchObject({ connected: 0, other: 0 })
      expect(sample?.largestBurst).toBeGreaterThanOrEqual(1)
      expect(Math.abs(sample?.rateError as number)).toBeLessThan(1)
    }
  })

  it('leaves out what takes minutes', () => {
    expect(results['long-list']).toEqual([])
  })

  it('judges every target, of those who took part', () => {
    expect(results.targets.length).toBeGreaterThan(0)
    for (const { scenario, contestant, of = contestant, met } of results.targets) {
      const isSkipped =
        of in results.skipped ||
        scenario === 'long-list' ||
        (scenario === 'handshake' && results.skippedHandshakes !== undefined) ||
        (isTransfer(scenario) && results.skippedTransfers !== undefined)
      if (isSkipped || contestant in results.skipped) expect(met).toBeUndefined()
    }
    expect(results.targets.some(({ met }) => met !== undefined)).toBe(true)
  })

  it('tells the machine, and prints what it wrote', () => {
    expect(results.machine).toMatchObject({ node: process.version })
    expect(stdout).toContain('node:net')
    expect(stdout).toContain('all.json')
    expect(stdout).toMatch(/targets: \d+ met, \d+ missed, \d+ not measured; it took \d/)
    const there = RUNTIMES.filter((id) => !(id in results.skipped))
    expect(Object.keys(results.runtimes)).toEqual(there)
  })
})

it('runs only what is asked for, and what that is compared with', async () => {
  const file = join(folder, 'only.json')
  const { code } = await bench(['--quick', '--only', 'refused net-many', '--json', file])
  expect(code).toBe(0)
  const { accepted, refused, scattered, burst, idle, runtimes } = read(file)
  expect(ids(refused).filter((id) => id !== 'c')).toEqual(['node-net', 'net-many'])
  expect([accepted, scattered, burst, idle]).toEqual([[], [], [], []])
  expect(runtimes).toEqual({})
})

it('runs a long list for who asks for it', async () => {
  const file = join(folder, 'long-list.json')
  const { code } = await bench(['--quick', '--only', 'long-list net-many', '--json', file])
  expect(code).toBe(0)
  const { settings, ...results } = read(file)
  expect(ids(results['long-list'])).toEqual(['node-net', 'net-many'])
  for (const { samples } of results['long-list']) {
    const [sample] = samples
    expect(sample).toMatchObject({ other: 0, connected: settings.longListCount / 1_000 })
    expect(sample?.['rssPeakBytes']).toBeGreaterThan(10_000_000)
    expect(sample?.['shortPerSecond']).toBeGreaterThan(0)
  }
})

it('does without Go, and says so', async () => {
  const file = join(folder, 'no-go.json')
  const { code, stdout } = await bench(['--quick', '--only', 'accepted go', '--json', file], {
    PATH: '/nonexistent',
  })
  expect({ code, stdout }).toMatchObject({ code: 0 })
  expect(read(file).skipped['go']).toMatch(/^not installed/)
  expect(stdout).toContain('skipped: not installed')
})

it('does without a C compiler, and says so', async () => {
  const file = join(folder, 'no-c.json')
  const { code, stdout } = await bench(
    ['--quick', '--only', 'accepted net-connect', '--json', file],
    { CC: '/nonexistent/cc' },
  )
  expect(code).toBe(0)
  expect(read(file).skipped['c']).toBe('no C compiler')
  expect(stdout).toContain('skipped: no C compiler')
})

it('has no transfers without a C compiler, and says so', async () => {
  const file = join(folder, 'no-c-transfers.json')
  const { code, stdout } = await bench(['--quick', '--only', 'pingpong', '--json', file], {
    CC: '/nonexistent/cc',
  })
  expect(code).toBe(0)
  const results = read(file)
  expect(results.skippedTransfers).toBe('no C compiler')
  expect(TRANSFER_SCENARIOS.flatMap((scenario) => results[scenario])).toEqual([])
  expect(stdout).toContain('Transfers: skipped: no C compiler')
})

it('runs the transfers that are asked for, on as many connections as they say', async (context) => {
  const file = join(folder, 'transfers.json')
  const args = ['--quick', '--only', 'pingpong net-connect', '--json', file]
  const { code, stdout } = await bench(args)
  expect(code).toBe(0)
  const results = read(file)
  if (results.skippedTransfers !== undefined) context.skip(results.skippedTransfers)
  for (const scenario of ['pingpong-1000', 'pingpong-1'] as const) {
    const rows = results[scenario].map(({ id, samples }) => [id, samples[0]?.connected])
    const count = Math.min(TRANSFERS[scenario].connections, results.settings.mostTransferring)
    expect(rows).toEqual(['c', 'node-net', 'net-connect'].map((id) => [id, count]))
  }
  expect(stdout).toContain('messages/s')
  expect(stdout).not.toContain('MB/s')
  expect([...results['stream-in-1'], ...results.accepted]).toEqual([])
})

it.each([
  ['an unknown option', ['--fast'], /--fast/],
  ['an argument', ['accepted'], /accepted/],
  ['no number of rounds', ['--rounds', 'many'], /--rounds/],
  ['no rounds', ['--rounds', '0'], /--rounds/],
  ['too many rounds', ['--rounds', '101'], /--rounds/],
  ['a missing value', ['--json'], /--json/],
  ['an empty file name', ['--json', ''], /--json/],
  ['a pattern that matches nothing', ['--only', 'curl'], /curl.*accepted/],
])('answers %s in one line and with 2', async (_name, args, message) => {
  const { code, stdout, stderr } = await bench(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
  expect(stderr.trimEnd()).not.toContain('\n')
})

it('explains itself', async () => {
  const { code, stdout, stderr } = await bench(['--help'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  for (const option of ['--rounds', '--only', '--quick', '--json', '--assert']) {
    expect(stdout).toContain(option)
  }
})
