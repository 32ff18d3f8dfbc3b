/** How the command ends early: signals, and a stdout that nobody reads or that is full. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { CLI, finish, listen, native, pollout, start } from './harness.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-stop-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (signal, expected) => {
  it.each(native.available ? ['native', 'net'] : ['net'])(
    'ends a fan-out cleanly, with the summary so far: %s',
    async (backend) => {
      const { port } = await listen()
      const args = [
        'fanout',
        `127.0.0.0/16:${port}`,
        '--json',
        '--rate',
        '100',
        '--backend',
        backend,
      ]
      const run = await pollout(args, { onFirstOutput: (child) => child.kill(signal) })
      expect([run.code, run.signal]).toEqual([expected, null])
      const count = run.lines.length
      expect(run.stderr).toMatch(new RegExp(`\nstopped after ${count} targets?,`))
      for (const line of run.lines) expect(JSON.parse(line)).toHaveProperty('kind')
    },
  )

  it('ends a fan-out whose list has not come to its end: --stream', async () => {
    const { uri } = await listen()
    const child = start(['fanout', '--json', '--stream'], { stdin: 'open' })
    child.stdin?.write(`${uri}\n`)
    const run = await finish(child, { onFirstOutput: () => child.kill(signal) })
    expect([run.code, run.signal, run.lines.length]).toEqual([expected, null, 1])
    expect(run.stderr).toMatch(/\nstopped after 1 target,/)
  })

  it('ends a fan-out that still reads its list', async () => {
    const child = start(['fanout', '--json'], { stdin: 'open' })
    child.stdin?.write('127.0.0.1:1\n'.repeat(10_000))
    await spooled(child.pid)
    child.kill(signal)
    const run = await finish(child)
    expect([run.code, run.signal, run.stdout, run.stderr]).toEqual([expected, null, '', ''])
  })

  it('ends a fan-out that waits for a named pipe', async () => {
    const { uri } = await listen()
    const fifo = join(folder, `fifo-${signal}`)
    execFileSync('sh', ['-c', 'mkfifo "$0"', fifo])
    const child = start(['fanout', '--json', '--stream', '-l', fifo])
    const writer = spawn('sh', ['-c', `echo ${uri}; exec sleep 30`], {
      stdio: ['ignore', openSync(fifo, 'r+'), 'ignore'],
    })
    const run = await finish(child, { onFirstOutput: () => child.kill(signal) })
    writer.kill()
    // Here it is the signal itself that ends it: to a shell the same number.
    expect([run.code, run.signal]).toEqual([null, signal])
    expect(run.stderr).toMatch(/\nstopped after 1 target,/)
  })
})

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('connect: %s', (signal, expected) => {
  it.each([[], ['--json']])('every endpoint has its outcome: %j', async (...options) => {
    const refused = `tcp://127.0.0.1:${await unusedPort()}`
    const names = createSocket('udp4').bind(0, '127.0.0.1')
    await once(names, 'listening')
    onTestFinished(() => void names.close())
    let child: ChildProcess | undefined
    let waiting = 0
    const waits = (): void => {
      if (++waiting === 2) child?.kill(signal)
    }
    // One waits for a name server's answer, and one for the peer's in the TLS handshake.
    names.once('message', waits)
    const { port } = await listen((socket) => socket.once('data', waits))
    const [unnamed, silent] = ['tcp://a.test.:1', `tls://127.0.0.1:${port}`]
    const resolver = `127.0.0.1:${names.address().port}`
    const endpoints = [unnamed, silent, refused, refused]
    child = start(['connect', ...endpoints, '--resolver', resolver, ...options])
    const run = await finish(child)
    expect([run.code, run.signal]).toEqual([expected, null])
    const lines = options.length > 0 ? run.lines : run.stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(4)
    for (const endpoint of [unnamed, silent]) {
      const line = lines.find((text) => text.includes(endpoint))
      if (options.length === 0) {
        expect(line).toMatch(/^failed .* ABORT_ERR .*: stopped before there was an outcome$/)
      } else {
        const report = { event: 'error', endpoint, code: 'ABORT_ERR', phase: 'aborted' }
        expect(JSON.parse(line ?? '')).toMatchObject(report)
      }
    }
  })
})

/** A list that comes by a pipe is kept in a file without a name. */
async function spooled(pid: number | undefined): Promise<void> {
  const hasSpool = (): boolean =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return /pollout-[0-9a-f]{16} \(deleted\)$/.test(readlinkSync(`/proc/${pid}/fd/${fd}`))
      } catch {
        return false
      }
    })
  while (!hasSpool()) await new Promise((resolve) => setTimeout(resolve, 10))
}

it('a second Ctrl-C kills at once', async () => {
  // Nobody reads its stdout, so the clean end has to wait.
  const uri = `tcp://127.0.0.1:${await unusedPort()}`
  const list = join(folder, 'many')
  writeFileSync(list, `${uri}\n`.repeat(100_000))
  const child = start(['fanout', '--json', '--rate', '1000000', '-l', list])
  await once(child.stdout as NodeJS.ReadableStream, 'readable')
  await new Promise((resolve) => setTimeout(resolve, 500))
  child.kill('SIGINT')
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect([child.exitCode, child.signalCode]).toEqual([null, null])
  child.kill('SIGINT')
  const [code, signal] = await once(child, 'exit')
  expect([code, signal]).toEqual([null, 'SIGINT'])
})

describe('stdout', () => {
  it('`| head` ends it quietly', async () => {
    const uri = `tcp://127.0.0.1:${await unusedPort()}`
    const list = join(folder, 'refused')
    writeFileSync(list, `${uri}\n`.repeat(50_000))
    const script = `"$0" "$1" fanout --json -l "$2" | head -n 2; echo "codes \${PIPESTATUS[*]}"`
    const child = spawn('bash', ['-c', script, process.execPath, CLI, list])
    const { lines, stderr } = await finish(child)
    expect(lines).toHaveLength(3)
    expect(lines[2]).toBe('codes 141 0')
    // What was announced, and nothing more.
    expect(stderr).toMatch(/^pollout: 50,000 targets, [^\n]+\n$/)
  })

  it.each(['--help', '--version', 'help', 'help connect', 'connect --help', 'fanout --help'])(
    'a reader that goes away ends it quietly: %s',
    async (command) => {
      // Its reader is gone before it has begun.
      const script = `( sleep 0.2; "$0" "$1" ${command}; echo "code $?" >&2 ) | true`
      const child = spawn('bash', ['-c', script, process.execPath, CLI])
      const { stderr } = await finish(child)
      expect(stderr).toBe('code 141\n')
    },
  )

  it.each(['fanout --json', 'fanout --csv', 'fanout', 'connect', 'help'])(
    'a full disk is told: %s',
    async (command) => {
      const { uri } = await listen()
      const target = command === 'connect' ? uri : ''
      const script = `echo "$3" | "$0" "$1" ${command} ${target} > "$2"`
      const child = spawn('bash', ['-c', script, process.execPath, CLI, '/dev/full', uri])
      const { code, stderr } = await finish(child)
      expect(stderr.match(/^pollout: can't write to standard output: ENOSPC.*\n/gm)).toHaveLength(1)
      expect(code).toBe(3)
    },
  )

  it('connect: a reader that goes away ends it quietly', async () => {
    const { uri } = await listen((socket) => socket.write('begun'))
    const script = `( sleep 0.2; "$0" "$1" connect "$2"; echo "code $?" >&2 ) | true`
    const child = spawn('bash', ['-c', script, process.execPath, CLI, uri])
    expect((await finish(child)).stderr).toBe('code 141\n')
  })

  it('a slow reader gets every outcome', async () => {
    const uri = `tcp://127.0.0.1:${await unusedPort()}`
    const child = start(['fanout', '--json', '--rate', '1000000'], {
      stdin: `${uri}\n`.repeat(5_000),
    })
    await once(child.stdout as NodeJS.ReadableStream, 'readable')
    await new Promise((resolve) => setTimeout(resolve, 500))
    const { code, lines } = await finish(child)
    expect([code, lines.length]).toEqual([1, 5_000])
  })
})

it('a stderr that nobody reads any more stops nothing', async () => {
  const { port } = await listen(() => {}, { host: '0.0.0.0' })
  const output = join(folder, 'outcomes')
  const run = `"$0" "$1" fanout "127.0.0.0/24:$2" --json --rate 45 --progress 2>&1 > "$3"`
  const script = `${run} | head -n 1; echo "code \${PIPESTATUS[0]}"`
  const child = spawn('bash', ['-c', script, process.execPath, CLI, String(port), output])
  const { lines } = await finish(child)
  expect(lines).toEqual([expect.stringMatching(/^pollout: 256 targets, /), 'code 0'])
  expect(readFileSync(output, 'utf8').split('\n')).toHaveLength(257)
})
