/** `--checkpoint` and `--resume`: whatever ends a run, the runs together give every target its outcome, once. */
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it } from 'vitest'
import { placeOf } from '../src/cli/common/file-place.js'
import { readCheckpoint } from '../src/cli/fanout/checkpoint.js'
import { OutputFile } from '../src/cli/fanout/output-file.js'
import { finish, listen, pollout, start } from './harness.js'
import { folder, outcomes } from './run-folder.js'

const KILLS = 20
/** Some 150 outcomes; all kills together leave some for the last run, whatever the machine does meanwhile. */
const MOST_BYTES_A_KILL = 12_000
const CONCURRENCY = 100

/** Bytes of the output that the checkpoint promises; 0 where there is none yet. */
async function confirmedIn(checkpoint: string, output: string): Promise<number> {
  return (await stateOf(checkpoint, output).catch(() => undefined))?.outputBytes ?? 0
}

async function stateOf(checkpoint: string, output: string) {
  const file = new OutputFile(placeOf(output))
  try {
    return await readCheckpoint(checkpoint, file)
  } finally {
    file.close()
  }
}

/** A run with an output and a checkpoint, on a /20 with a port where somebody listens and one where nobody does. */
async function storm() {
  const path = folder()
  const [output, checkpoint] = [join(path, 'out'), join(path, 'state')]
  let accepted = 0
  const { port } = await listen(() => accepted++, { host: '0.0.0.0' })
  const closed = await unusedPort()
  const excluded = ['--exclude', '127.0.3.0/24']
  const args = ['fanout', '127.0.0.0/20', '-p', `${port},${closed}`, ...excluded]
  const hosts = Array.from({ length: 4_096 }, (_, i) => `127.0.${i >> 8}.${i & 255}`)
  const expected = hosts
    .filter((host) => !host.startsWith('127.0.3.'))
    .flatMap((host) => [`connected tcp://${host}:${port}`, `refused tcp://${host}:${closed}`])
  return {
    output,
    checkpoint,
    expected,
    args: [...args, '-c', `${CONCURRENCY}`, '-o', output, '--checkpoint', checkpoint, '--resume'],
    accepted: () => accepted,
  }
}

const FORMATS = [
  ['--json', (line: string) => [JSON.parse(line).kind, JSON.parse(line).endpoint].join(' ')],
  ['--csv', (line: string) => line.split(',').slice(1, 3).join(' ')],
] as const

describe.each(FORMATS)('%s', (format, told) => {
  it(`killed with -9 at ${KILLS} random moments`, async () => {
    const { args, output, checkpoint, expected, accepted } = await storm()
    let killedAtWork = 0
    let before = 0
    for (let kill = 0; kill < KILLS; kill++) {
      const child = start([...args, format, '--rate', '1000'])
      const exited = once(child, 'exit')
      // At some point of its work, or before it: how far it has come is what counts, and not the time that it took.
      if (Math.random() < 0.9) {
        const enough = before + Math.random() * MOST_BYTES_A_KILL
        await expect
          .poll(() => confirmedIn(checkpoint, output), { interval: 1 })
          .toBeGreaterThan(enough)
      } else await sleep(Math.random() * 150)
      child.kill('SIGKILL')
      await exited
      if (!existsSync(checkpoint)) continue
      const { outputBytes, complete } = await stateOf(checkpoint, output)
      expect(complete).toBe(false)
      // What is promised is there, and grows.
      expect(statSync(output).size).toBeGreaterThanOrEqual(outputBytes)
      expect(outputBytes).toBeGreaterThanOrEqual(before)
      if (outputBytes > before) killedAtWork++
      before = outputBytes
    }
    const last = await pollout([...args, format, '--rate', '1000000'])
    expect(last.code).toBe(1)
    const lines = outcomes(output).slice(format === '--csv' ? 1 : 0)
    expect(lines.map(told).sort()).toEqual([...expected].sort())
    expect(last.stderr).toMatch(/\n7,680 targets, 512 excluded, [\d,]+ of them in earlier runs, /)
    expect((await stateOf(checkpoint, output)).complete).toBe(true)
    // No more than what was in flight, or not yet confirmed, is tried again.
    expect(accepted() - 3_840).toBeLessThanOrEqual(KILLS * CONCURRENCY)
    expect(killedAtWork).toBeGreaterThan(KILLS / 4)
  })
})

it('Ctrl-C: a clean end, a summary, and the rest later', async () => {
  const { args, output, checkpoint, expected } = await storm()
  const child = start([...args, '--json', '--rate', '2000'])
  await expect.poll(() => confirmedIn(checkpoint, output), { interval: 5 }).toBeGreaterThan(0)
  child.kill('SIGINT')
  const first = await finish(child)
  const count = outcomes(output).length
  expect(first.stderr).toMatch(/\nstopped after [\d,]+ targets, /)
  expect(first.stderr).toMatch(/\npollout: go on with the same command and --resume\n$/)
  expect(Number(/stopped after ([\d,]+)/.exec(first.stderr)?.[1]?.replace(',', ''))).toBe(count)
  expect(first.code).toBe(130)
  const second = await pollout([...args, '--json', '--rate', '1000000'])
  expect(second.stderr).toMatch(/^pollout: 7,680 targets, [\d,]+ of them done before, /)
  expect(
    outcomes(output)
      .map((line) => FORMATS[0][1](line))
      .sort(),
  ).toEqual([...expected].sort())
  // There is nothing left to do, and what was done is still told.
  const third = await pollout([...args, '--json'])
  expect(third.stderr).toMatch(/\n7,680 targets, 512 excluded, 7,680 of them in earlier runs, /)
  expect(third.code).toBe(1)
  expect(outcomes(output)).toHaveLength(expected.length)
})

describe('refuses in one line', () => {
  async function interrupted() {
    const path = folder()
    const closed = await unusedPort()
    const list = join(path, 'list')
    writeFileSync(list, `127.0.0.0/22:${closed}\n`)
    const [output, checkpoint] = [join(path, 'out'), join(path, 'state')]
    const args = ['fanout', '-l', list, '--json', '-o', output, '--checkpoint', checkpoint]
    const child = start([...args, '--rate', '100', '--seed', 'x'])
    // Until something is confirmed: the output comes first, and the checkpoint after it.
    await expect.poll(() => confirmedIn(checkpoint, output), { interval: 5 }).toBeGreaterThan(0)
    child.kill('SIGKILL')
    await once(child, 'exit')
    return { args, list, output, checkpoint, before: readFileSync(output, 'utf8') }
  }

  it('what is not the run that it was, and leaves all as it is', async () => {
    const { args, list, output, checkpoint, before } = await interrupted()
    const refused = async (more: readonly string[], message: RegExp, given = args) => {
      const { code, stderr } = await pollout([...given, ...more])
      expect(stderr).toMatch(/^pollout: [^\n]+\n$/)
      expect(stderr).toMatch(message)
      expect([code, readFileSync(output, 'utf8')]).toEqual([2, before])
    }
    await refused([], /did not come to its end; add --resume to go on with it, or remove it/)
    await refused(['--resume', '--seed', 'y'], /not as in the run that it is of: --seed; give /)
    await refused(['--resume', '--shard', '1/2', '--banner'], /: --shard, the probe; give /)
    await refused(['--resume', '--exclude', '127.0.0.1'], /: what is excluded; give /)
    await refused(['--resume', '--only', 'connected'], /: --only; give /)
    await refused(['--resume', '127.0.0.1:9'], /: the targets; give /)
    writeFileSync(list, '127.0.0.0/23:9\n')
    await refused(['--resume'], /: the targets; give /)
    const state = readFileSync(checkpoint)
    rmSync(checkpoint)
    await refused(['--resume'], /there is no .*state, and yet .*out is not empty/)
    writeFileSync(checkpoint, 'something else')
    await refused(['--resume'], /is no checkpoint/)
    writeFileSync(checkpoint, state)
  })

  it('a run that is still going on', async () => {
    const { args, output } = await interrupted()
    const child = start([...args, '--resume', '--rate', '1'])
    await once(child.stderr as NodeJS.ReadableStream, 'readable')
    const { code, stderr } = await pollout([...args, '--resume'])
    expect(stderr).toContain(
      `state is in use by another run, process ${child.pid}; wait for its end`,
    )
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect([code, outcomes(output).length > 0]).toEqual([2, true])
  })

  it('nothing where only the log is ahead of the output: it goes on from what is there', async () => {
    const { args, output, checkpoint, before } = await interrupted()
    const { outputBytes } = await stateOf(checkpoint, output)
    expect(readFileSync(checkpoint, 'utf8').split('\n').length).toBeGreaterThan(2)
    // As a power failure leaves it: the length is there, and of the last bytes nothing.
    const kept = before.slice(0, outputBytes - 10)
    writeFileSync(output, kept.padEnd(outputBytes, '\0'))
    const { code, stderr } = await pollout([...args, '--resume', '--rate', '1000000'])
    expect(stderr).toMatch(/^pollout: 1,024 targets, /)
    expect(code).toBe(1)
    const endpoints = outcomes(output).map((line) => JSON.parse(line).endpoint)
    expect([endpoints.length, new Set(endpoints).size]).toEqual([1_024, 1_024])
  })

  it('an output that is not the one, or shorter than the snapshot has it', async () => {
    const { args, output, checkpoint } = await interrupted()
    const child = start([...args, '--resume', '--rate', '100'])
    // This run's first snapshot is of what the one before has confirmed.
    await once(child.stderr as NodeJS.ReadableStream, 'readable')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const whole = readFileSync(output, 'utf8')
    const refused = async (text: string, message: RegExp) => {
      writeFileSync(output, text)
      const { code, stderr } = await pollout([...args, '--resume'])
      expect(stderr).toMatch(message)
      expect([code, readFileSync(output, 'utf8')]).toEqual([2, text])
    }
    await refused(
      '',
      /^pollout: can't resume: .*out has 0 bytes, and had \d+ on the disk when .*state was saved: it was cut since, [^\n]*; put it back as it was, or remove .*state and leave --resume out [^\n]*\n$/,
    )
    await refused(
      whole.replaceAll('127.0', '127.9'),
      /: .*out is not the output that .*state is of, [^\n]*; put it back as it was, or remove/,
    )
    rmSync(output)
    const { code } = await pollout([...args, '--resume'])
    expect([code, existsSync(output), existsSync(checkpoint)]).toEqual([2, false, true])
  })
})

it('more than a window of targets is excluded: they have no positions', async () => {
  const path = folder()
  const closed = await unusedPort()
  const [output, checkpoint] = [join(path, 'out'), join(path, 'state')]
  const args = ['fanout', '127.0.0.0/11', '-p', `${closed}`, '--exclude', '127.0.0.0-127.31.255.0']
  const files = ['--json', '-o', output, '--checkpoint', checkpoint, '--no-shuffle']
  const child = start([...args, ...files, '--rate', '50'])
  await expect.poll(() => confirmedIn(checkpoint, output), { interval: 5 }).toBeGreaterThan(0)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const { stderr } = await pollout([...args, ...files, '--resume', '--rate', '1000000'])
  expect(stderr).toMatch(/^pollout: 255 targets, /)
  expect(stderr).toMatch(/\n255 targets, 2,096,897 excluded, /)
  expect(outcomes(output)).toHaveLength(255)
})

it('what is denied stays denied: a resumed run has the same policy', async () => {
  const path = folder()
  const hosts = new Set<string | undefined>()
  const { port } = await listen((socket) => hosts.add(socket.localAddress), { host: '0.0.0.0' })
  const [output, checkpoint] = [join(path, 'out'), join(path, 'state')]
  const files = ['--json', '-o', output, '--checkpoint', checkpoint]
  const args = ['fanout', '127.0.0.0/26', '-p', `${port}`, ...files, '--rate', '40']
  const child = start([...args, '--deny', '127.0.0.32/27', '--allow', '127.0.0.0/8'])
  await expect.poll(() => confirmedIn(checkpoint, output), { interval: 5 }).toBeGreaterThan(0)
  child.kill('SIGKILL')
  await once(child, 'exit')
  const before = readFileSync(output)
  for (const [policy, names] of [
    [[], /: --allow, --deny; give /],
    [['--allow', '127.0.0.0/8'], /: --deny; give /],
    [['--deny', '127.0.0.33', '--allow', '127.0.0.0/8'], /: --deny; give /],
    [
      ['--deny', '127.0.0.32/27', '--allow', '127.0.0.0/8', '--public-only'],
      /: --public-only; give /,
    ],
  ] as const) {
    const { code, stderr } = await pollout([...args, '--resume', ...policy])
    expect(stderr).toMatch(names)
    expect([code, readFileSync(output)]).toEqual([2, before])
  }
  const last = await pollout([
    ...args,
    ...['--resume', '--allow', '127.0.0.0/8', '--deny', '127.0.0.32/27', '--rate', '1000'],
  ])
  expect(last.code).toBe(1)
  expect([hosts.size, hosts.has('127.0.0.31'), hosts.has('127.0.0.32')]).toEqual([32, true, false])
})
