/** `pollout fanout` as a user runs it, against listeners on loopback. */
import { randomFillSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isNativeBackendAvailable } from '../src/index.js'
import { listen, pollout } from './harness.js'

const backends = isNativeBackendAvailable().available ? ['native', 'net'] : ['net']

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'pollout-fanout-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

function file(content: string | Buffer): string {
  const path = join(folder(), 'list')
  writeFileSync(path, content)
  return path
}

const fanout = (args: readonly string[], options = {}) => pollout(['fanout', ...args], options)
const parsed = (lines: readonly string[]) => lines.map((line) => JSON.parse(line))

describe.each(backends)('on %s', (backend) => {
  const options = ['--backend', backend]

  it('shows what connected, sums up on stderr, and ends with 0 where all did', async () => {
    const { uri, port } = await listen()
    const { code, lines, stderr } = await fanout([
      ...options,
      '-l',
      file(`127.0.0.1:${port}\n`.repeat(50)),
    ])
    expect(lines).toHaveLength(50)
    for (const line of lines) expect(line).toMatch(new RegExp(`^connected +${uri} +[\\d.]+ ms$`))
    expect(stderr).toMatch(
      /^pollout: 50 targets, at most 1,000 a second and 4,000 at once, --seed [0-9a-f]{8}\n/,
    )
    expect(stderr).toMatch(/connected │ +│ +50 │ +100\.0 %/)
    expect(stderr).toMatch(new RegExp(`\n50 targets, [\\d.]+ s, [\\d,]+/s, backend ${backend}\n`))
    expect(stderr).toMatch(
      /\nlatency of the connected: p50 [\d.]+ ms, p90 .+, p99 .+, p99\.9 .+, max [\d.]+ ms\n$/,
    )
    expect(code).toBe(0)
  })

  it.each([
    ['from a pipe', []],
    ['from -', ['-l', '-']],
    ['from a pipe, as it comes', ['--stream']],
  ])('reads standard input, %s', async (_, args) => {
    const { uri } = await listen()
    const refused = `tcp://127.0.0.1:${await unusedPort()}`
    const stdin = `# list\n\n${uri}\n${refused}\r\n${refused}`
    const { code, stderr } = await fanout([...options, ...args], { stdin })
    expect(stderr).toMatch(/refused +│ ECONNREFUSED │ +2 │ +66\.7 %/)
    expect(stderr).toMatch(/connected +│ +│ +1 │/)
    expect(code).toBe(1)
  })

  it('--json: one object a line and target, with the documented fields', async () => {
    const { uri, port } = await listen()
    const closed = await unusedPort()
    const own = { id: 7, nested: { tags: ['a', 'b\n'] } }
    const stdin = [
      JSON.stringify({ ...own, host: '127.0.0.1', port }),
      JSON.stringify({ endpoint: `tcp://127.0.0.1:${closed}`, id: 8 }),
      'nonsense',
      uri,
    ].join('\n')
    const { code, lines, stderr } = await fanout([...options, '--json'], { stdin })
    const reports = parsed(lines)
    const find = (what: (report: { input?: { id: number }; line?: number }) => boolean) =>
      reports.find(what)
    const common = ['event', 'kind', 'endpoint', 'peer', 'elapsedMs', 'endedAt']
    const failed = [...common, 'code', 'errno', 'phase', 'localFault', 'message', 'tries']
    const connected = find(({ input }) => input?.id === 7)
    expect(connected).toMatchObject({
      event: 'connected',
      kind: 'connected',
      endpoint: uri,
      tries: 1,
      input: own,
    })
    expect(connected).toMatchObject({ peer: `127.0.0.1:${port}` })
    expect(Object.keys(connected)).toEqual([...common, 'tries', 'input'])
    expect(Math.abs(Date.parse(connected.endedAt) - Date.now())).toBeLessThan(60_000)
    const refused = find(({ input }) => input?.id === 8)
    expect(Object.keys(refused)).toEqual([...failed, 'input'])
    expect(refused).toMatchObject({
      event: 'error',
      kind: 'refused',
      code: 'ECONNREFUSED',
      errno: -111,
      phase: 'connect',
    })
    const invalid = find(({ line }) => line === 3)
    expect(Object.keys(invalid)).toEqual([...failed, 'line'])
    expect(invalid).toMatchObject({ kind: 'invalid', endpoint: 'nonsense', tries: 0 })
    expect(invalid.message).toMatch(/^line 3: "nonsense" has no port/)
    expect(reports).toHaveLength(4)
    expect(stderr).toMatch(/\n4 targets, /)
    expect(code).toBe(1)
  })

  it('its own JSON is a list again', async () => {
    const { uri, port } = await listen()
    const first = await fanout([...options, '--json', '--silent', `127.0.0.1-2:${port}`])
    const second = await fanout([...options, '--json', '--silent'], { stdin: first.stdout })
    const reports = parsed(second.lines)
    expect(reports.map(({ endpoint }) => endpoint).sort()).toEqual([
      uri,
      uri.replace('0.1:', '0.2:'),
    ])
    expect(reports.map(({ kind, input }) => kind === input.kind)).toEqual([true, true])
    expect([first.stderr, second.stderr]).toEqual(['', ''])
  })

  it('loses no outcome to garbage in the list', async () => {
    const { uri } = await listen()
    const garbage = randomFillSync(Buffer.alloc(300_000))
    const [end, good] = [Buffer.from('\n'), Buffer.from(`${uri}\n`)]
    const list = file(
      Buffer.concat([good, garbage, end, good, Buffer.alloc(200_000, 'x'), end, good]),
    )
    const { code, lines } = await fanout([...options, '--json', '-l', list])
    const reports = parsed(lines)
    expect(reports.filter(({ event }) => event === 'connected')).toHaveLength(3)
    const others = reports.filter(({ event }) => event === 'error')
    expect(others.every(({ kind, line }) => kind === 'invalid' && line > 0)).toBe(true)
    const long = others.find(({ message }) => message.endsWith('longer than 16384 bytes'))
    expect(long.endpoint).toHaveLength(16_384)
    expect(code).toBe(1)
  })

  it('keeps to the rate', async () => {
    const { port } = await listen()
    const { code, stderr } = await fanout([...options, `127.0.0.0/26:${port}`, '--rate', '100'])
    expect(Number(/ ([\d.]+) s,/.exec(stderr)?.[1])).toBeGreaterThan(0.55)
    expect(code).toBe(1)
  })
})

describe('targets', () => {
  it('blocks, ranges and ports, less what is excluded', async () => {
    const { port } = await listen()
    const closed = await unusedPort()
    const excluded = file('# ours\n127.0.0.4\n127.0.0.8/30 # and these\n')
    const { lines, stderr } = await fanout([
      ...['127.0.0.0/28', '127.0.0.20-21', '-p', `${port},${closed}`, '--json'],
      ...['--exclude-file', excluded, '--exclude', `127.0.0.2-3,127.0.0.20:${closed}`],
    ])
    const endpoints = parsed(lines).map(({ endpoint }) => endpoint)
    const hosts = [0, 1, 5, 6, 7, 12, 13, 14, 15, 20, 21].map((n) => `127.0.0.${n}`)
    const expected = hosts.flatMap((host) => [`tcp://${host}:${port}`, `tcp://${host}:${closed}`])
    expect(endpoints.sort()).toEqual(
      expected.filter((uri) => uri !== `tcp://127.0.0.20:${closed}`).sort(),
    )
    expect(stderr).toMatch(/\n21 targets, 15 excluded, /)
  })

  it('the same seed, the same order; --no-shuffle, that of the list', async () => {
    const closed = await unusedPort()
    const order = async (...args: string[]) => {
      const run = await fanout([`127.0.0.0/27:${closed}`, '--json', '-c', '1', ...args])
      return parsed(run.lines).map(({ peer }) => Number(/\.(\d+):/.exec(peer)?.[1]))
    }
    const [a, again, b] = [
      await order('--seed', 'a'),
      await order('--seed', 'a'),
      await order('--seed', 'b'),
    ]
    expect(again).toEqual(a)
    expect(b).not.toEqual(a)
    const plain = [...Array(32).keys()]
    expect(await order('--no-shuffle')).toEqual(plain)
    expect(a).not.toEqual(plain)
    expect([...a].sort((x, y) => x - y)).toEqual(plain)
  })

  it('shards are disjoint and complete', async () => {
    const closed = await unusedPort()
    const runs = await Promise.all(
      [1, 2, 3].map((i) => fanout([`127.0.0.0/26:${closed}`, '--json', '--shard', `${i}/3`])),
    )
    const peers = runs.flatMap(({ lines }) => parsed(lines).map(({ peer }) => peer))
    expect(new Set(peers).size).toBe(64)
    expect(runs.map(({ lines }) => lines.length)).toEqual([22, 21, 21])
  })

  it('policies deny, and what a name stands for is no way around an exclusion', async () => {
    const { port } = await listen()
    const kinds = async (...args: string[]) =>
      parsed((await fanout([`127.0.0.1:${port}`, `localhost:${port}`, '--json', ...args])).lines)
        .map(({ kind }) => kind)
        .sort()
    expect(await kinds('--public-only')).toEqual(['denied', 'denied'])
    expect(await kinds('--deny', '127.0.0.0/8')).toEqual(['denied', 'denied'])
    expect(await kinds('--allow', '10.0.0.0/8')).toEqual(['denied', 'denied'])
    expect(await kinds('--allow', '127.0.0.0/8')).toEqual(['connected', 'connected'])
    expect(await kinds('--exclude', '127.0.0.1')).toEqual(['denied'])
  })

  it('a host that is also the name of a file is tried, and what else may be meant is told', async () => {
    const name = file('127.0.0.1\n')
    const cwd = dirname(name)
    const { stderr } = await fanout([basename(name), '-p', '1', '--deny', '0.0.0.0/0'], { cwd })
    expect(stderr).toMatch(
      /^pollout: list is tried as a host; for the list in that file, -l list\npollout: 1 target, /,
    )
  })

  it.each([[], ['--stream'], ['--shard', '2/3']])(
    'nothing but excluded ones is no failure, and takes no walk: %s',
    async (...more) => {
      const { code, stderr } = await fanout([
        ...['10.0.0.0/8', '2001:db8::/76', '-p', '80', '--exclude', '10.0.0.0/8,2001:db8::/32'],
        ...more,
      ])
      expect(stderr).toMatch(/0 targets, 4,503,599,644,147,712 excluded, 0\.\d\d s, 0\/s/)
      expect(code).toBe(0)
    },
  )

  it('what is excluded counts neither in the total nor in the progress', async () => {
    const closed = await unusedPort()
    const args = [`127.0.0.0/24:${closed}`, '--exclude', '127.0.0.128/25', '--rate', '80']
    const { stderr } = await fanout([...args, '--progress'])
    expect(stderr).toMatch(/^pollout: 128 targets, /)
    expect(stderr).toMatch(/\n128 targets, 128 excluded, /)
  })

  it('one way to write lines, in lists and in excludes', async () => {
    const closed = await unusedPort()
    const lines = (...hosts: string[]) => `\uFEFF# hosts\r\n\r\n${hosts.join(' # why\r\n')} # why`
    const list = file(lines('127.0.0.1', '127.0.0.2', '127.0.0.3'))
    const excluded = file(lines('127.0.0.2', 'bücher.invalid'))
    const run = await fanout([
      ...[
        '-l',
        list,
        'xn--bcher-kva.invalid',
        '-p',
        `${closed}`,
        '--exclude-file',
        excluded,
        '--json',
      ],
    ])
    expect(
      parsed(run.lines)
        .map(({ endpoint }) => endpoint)
        .sort(),
    ).toEqual([1, 3].map((n) => `tcp://127.0.0.${n}:${closed}`))
  })

  it('a line of an exclude file that is too long is no line that excludes less', async () => {
    const excluded = file(`127.0.0.1\n${'127.0.0.2,'.repeat(2_000)}\n`)
    const { code, stderr } = await fanout(['127.0.0.1:1', '--exclude-file', excluded])
    expect(stderr).toMatch(/^pollout: \S+list, line 2: longer than 16384 bytes [^\n]+\n$/)
    expect(code).toBe(2)
  })
})

describe('patience', () => {
  it('--retries tries again what is worth it', async () => {
    const closed = `tcp://127.0.0.1:${await unusedPort()}`
    const args = [closed, 'unix:/none', '--json', '--retries', '1', '--retry-on', 'refused']
    const reports = parsed((await fanout(args)).lines)
    expect(reports.map(({ endpoint, tries }) => [endpoint, tries]).sort()).toEqual([
      [closed, 2],
      ['unix:/none', 1],
    ])
  })

  it('--max-host-errors leaves a dead host alone', async () => {
    const args = [
      'unreachable.invalid',
      '-p',
      '1-40',
      '-c',
      '1',
      '--json',
      '--max-host-errors',
      '3',
    ]
    const reports = parsed((await fanout(args)).lines)
    const skipped = reports.filter(({ kind }) => kind === 'skipped')
    expect(reports).toHaveLength(40)
    expect(skipped.length).toBeGreaterThanOrEqual(35)
    expect(skipped[0]).toMatchObject({ code: 'ERR_HOST_ERRORS', tries: 0, peer: null })
  })
})

describe('output', () => {
  it('--csv: a header, and rows that stay rows', async () => {
    const { uri, port } = await listen((socket) => socket.end('=1+1,"x"\r\nnext'))
    const own = JSON.stringify({ host: '127.0.0.1', port, note: 'a,b "c"' })
    const { lines } = await fanout(['--csv', '--banner'], { stdin: `${own}\nunix:/none\n` })
    expect(lines).toHaveLength(3)
    const [header = '', ...rows] = lines
    expect(header.split(',').slice(0, 4)).toEqual(['event', 'kind', 'endpoint', 'peer'])
    const connected = rows.find((row) => row.startsWith('connected,connected,')) ?? ''
    expect(connected).toContain(uri)
    // What a spreadsheet would take for a formula is text.
    expect(connected).toContain(`,"'=1+1,""x""\\r\\nnext",`)
    expect(connected).toContain('"{""note"":""a,b \\""c\\""""}"')
  })

  it('-o writes a file, over what was there', async () => {
    const { port } = await listen()
    const path = file('old\n'.repeat(1_000))
    const { code, stdout } = await fanout([`127.0.0.1:${port}`, '--json', '-o', path])
    expect(parsed(readFileSync(path, 'utf8').trim().split('\n'))).toMatchObject([
      { kind: 'connected' },
    ])
    expect([code, stdout]).toEqual([0, ''])
  })

  it('--only chooses, in every format', async () => {
    const { port } = await listen()
    const closed = await unusedPort()
    const run = async (...args: string[]) =>
      (await fanout([`127.0.0.1:${port},${closed}`, ...args])).lines
    expect(await run('--only', 'all')).toHaveLength(2)
    expect(await run('--only', 'refused')).toMatchObject([
      expect.stringMatching(/^refused .*ECONNREFUSED/),
    ])
    expect(parsed(await run('--json', '--only', 'connected'))).toMatchObject([
      { kind: 'connected' },
    ])
  })

  it('--progress tells it elsewhere than on a terminal; --silent tells nothing', async () => {
    const { port } = await listen()
    // In the list's order the one that listens comes second, so that any progress line knows of it.
    const slow = [`127.0.0.0/23:${port}`, '--no-shuffle', '--rate', '90', '--json']
    const { stderr } = await fanout([...slow, '--progress'])
    expect(stderr).toMatch(
      /\npollout: \[=+-+\] \d+ % of 512 {2}ETA 00:00:0\d {2}\d+\/s {2}in flight \d+ {2}.*connected 1/,
    )
    const silent = await fanout([`127.0.0.1:${port}`, '--json', '--silent'])
    expect([silent.stderr, silent.lines.length]).toEqual(['', 1])
  })

  it('says once that the portable backend is used', async () => {
    const { uri } = await listen()
    const run = await pollout(['fanout', uri], { nodeArgs: ['--no-addons'] })
    expect(
      run.stderr.match(/^pollout: the native backend is not available[^\n]+\n/gm),
    ).toHaveLength(1)
    expect(run.stderr).toMatch(/backend net\n/)
    expect(run.code).toBe(0)
  })
})
