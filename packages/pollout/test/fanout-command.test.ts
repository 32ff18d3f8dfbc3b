import { randomFillSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isNativeBackendAvailable } from '../src/index.js'
import { closedPort, listen, pollout } from './harness.js'

const backends = isNativeBackendAvailable().available ? ['native', 'net'] : ['net']

async function file(content: string | Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pollout-list-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'list')
  await writeFile(path, content)
  return path
}

describe.each(backends)('pollout fanout --backend %s', (backend) => {
  const options = ['--backend', backend]

  it('sums up on stdout and ends with 0 where all connected', async () => {
    const { uri } = await listen()
    const list = await file(`${uri}\n`.repeat(50))
    const { code, stdout, stderr } = await pollout(['fanout', ...options, list])
    expect(stdout).toMatch(/connected +│ +│ +50 │ +100\.0 %/)
    expect(stdout).toMatch(
      new RegExp(`\n50 targets in [\\d.]+ s, [\\d,]+ connects/s, backend ${backend}\n`),
    )
    expect(stdout).toMatch(
      /\nlatency of the connected: p50 [\d.]+ ms, p90 .+, p99 .+, max [\d.]+ ms\n$/,
    )
    expect([code, stderr]).toEqual([0, ''])
  })

  it.each([
    ['from a pipe', []],
    ['from -', ['-']],
  ])('reads standard input, %s', async (_, args) => {
    const { uri } = await listen()
    const refused = `tcp://127.0.0.1:${await closedPort()}`
    const stdin = `# list\n\n${uri}\n${refused}\r\n${refused}`
    const { code, stdout, stderr } = await pollout(['fanout', ...options, ...args], { stdin })
    expect(stdout).toMatch(/refused +│ ECONNREFUSED │ +2 │ +66\.7 %/)
    expect(stdout).toMatch(/connected +│ +│ +1 │/)
    expect([code, stderr]).toEqual([1, ''])
  })

  it('--json: one object a line and target, the summary on stderr', async () => {
    const { uri, port } = await listen()
    const refused = `tcp://127.0.0.1:${await closedPort()}`
    const stdin = ['# list', uri, 'nonsense', refused, 'tcp://127.0.0.1:70000', uri].join('\n')
    const { code, lines, stderr } = await pollout(['fanout', ...options, '--json'], { stdin })
    const reports = lines.map((line) => JSON.parse(line))
    expect(reports.map(({ endpoint, kind, line }) => [endpoint, kind, line]).sort()).toEqual(
      [
        [uri, 'connected', undefined],
        [uri, 'connected', undefined],
        ['nonsense', 'invalid', 3],
        [refused, 'refused', undefined],
        ['tcp://127.0.0.1:70000', 'invalid', 5],
      ].sort(),
    )
    const common = ['event', 'endpoint', 'backend', 'elapsedMs', 'local', 'peer']
    const errors = [...common, 'code', 'errno', 'phase', 'localFault', 'message', 'kind']
    const keys = new Map(reports.map((report) => [report.kind, Object.keys(report)]))
    expect(keys.get('connected')).toEqual([...common, 'kind'])
    expect(keys.get('refused')).toEqual(errors)
    expect(keys.get('invalid')).toEqual([...errors, 'line'])
    expect(reports.find(({ kind }) => kind === 'connected')).toMatchObject({
      backend,
      local: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      peer: `127.0.0.1:${port}`,
    })
    expect(reports.find(({ line }) => line === 3).message).toMatch(/^line 3: "nonsense" is not/)
    expect(stderr).toMatch(/\n5 targets in /)
    expect(code).toBe(1)
  })

  it('loses no outcome to garbage in the list', async () => {
    const { uri } = await listen()
    const garbage = randomFillSync(Buffer.alloc(300_000))
    const long = Buffer.alloc(200_000, 'x')
    const end = Buffer.from('\n')
    const good = Buffer.from(`${uri}\n`)
    const list = await file(Buffer.concat([good, garbage, end, good, long, end, good]))
    const { code, lines } = await pollout(['fanout', ...options, '--json', list])
    const reports = lines.map((line) => JSON.parse(line))
    expect(reports.filter(({ event }) => event === 'connected')).toHaveLength(3)
    const others = reports.filter(({ event }) => event === 'error')
    expect(others.every(({ kind, line }) => kind === 'invalid' && line > 0)).toBe(true)
    expect(others.at(-1).message).toMatch(/^line \d+: longer than 4096 bytes$/)
    expect(others.at(-1).endpoint).toHaveLength(4_096)
    expect(code).toBe(1)
  })

  it('keeps to the rate', async () => {
    const { uri } = await listen()
    const stdin = `${uri}\n`.repeat(50)
    const args = ['fanout', ...options, '--rate', '100', '--concurrency', '10']
    const { code, stdout } = await pollout(args, { stdin })
    expect(Number(/in ([\d.]+) s/.exec(stdout)?.[1])).toBeGreaterThan(0.45)
    expect(code).toBe(0)
  })
})

it('says once that the portable backend is used', async () => {
  const { uri } = await listen()
  const run = await pollout(['fanout'], { stdin: uri, nodeArgs: ['--no-addons'] })
  expect(run.stderr).toMatch(/^pollout: the native backend is not available[^\n]+\n$/)
  expect(run.stdout).toMatch(/backend net\n/)
  expect(run.code).toBe(0)
})
