import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ExitCode } from '../src/cli/common/exit-codes.js'
import { FANOUT_KINDS } from '../src/outcomes/outcome-row.js'
import { pollout } from './harness.js'

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pollout-usage-'))
  await chmod(folder, 0o755)
  await writeFile(join(folder, 'empty'), '')
  await writeFile(join(folder, 'comments'), '# nothing\n\n  \n# here\n')
  await writeFile(join(folder, 'bad-excludes'), '10.0.0.1\n10.0.0.9-1\n')
  await writeFile(join(folder, 'locked'), 'tcp://127.0.0.1:1\n', { mode: 0 })
})
afterAll(() => rm(folder, { recursive: true }))

describe('wrong usage ends with 2 and one line that says what to do', () => {
  it.each<[string, RegExp]>([
    ['conect', /unknown command 'conect' .*connect/],
    ['--nope', /unknown option '--nope'/],
    ['connect', /missing required argument 'endpoint'/],
    ['connect tcp://127.0.0.1:1 --jsn', /unknown option '--jsn' .*--json/],
    ['connect http://127.0.0.1:80', /not an endpoint/],
    ['connect tcp://127.0.0.1', /has no port/],
    ['connect db.test', /"db.test" has no port; write db.test:443 \(/],
    ['connect [::1]', /"\[::1\]" has no port; write \[::1\]:443 \(/],
    ['fanout h:1 --report=', /argument '' is invalid. Write the name of a file/],
    ['connect unix', /"unix" is not an endpoint; write/],
    ['connect tcp://127.0.0.1:70000', /port "70000" is not a whole number from 0 to 65535/],
    ['connect tcp://127.0.0.1:-1', /port "-1"/],
    ['connect tcp://::1:80', /not an endpoint; .*\[v6\]/],
    ['connect unix:', /needs a path/],
    ['connect tcp://127.0.0.1:1 --backend epoll', /choices are auto, native, net/],
    ['connect tcp://127.0.0.1:1 --timeout-ms -5', /whole number of milliseconds, from 1/],
    ['connect tcp://127.0.0.1:1 --timeout-ms 0', /from 1/],
    ['connect tcp://127.0.0.1:1 --timeout-ms NaN', /from 1/],
    ['connect tcp://127.0.0.1:1 --timeout-ms 1e3', /from 1/],
    ['connect tcp://127.0.0.1:1 --timeout-ms 99999999999', /to 2147483647/],
    ['connect tcp://127.0.0.1:1 --timeout-ms', /argument missing/],
    ['connect tcp://127.0.0.1:1 --send \\q', /no escape \\q/],
    [
      'connect h:1 --resolver ,',
      /"" is no address of a DNS server; write 192.*; or dns, or system/,
    ],
    ['connect h:1 --resolver system,127.0.0.1', /"system" is no address of a DNS server; write 1/],
    ['connect h:1 --resolver dns.test', /"dns.test" is no address of a DNS server; write 192/],
    ['connect h:1 --resolver fe80::1%lo', /"fe80::1%lo" is no address .* without a zone; or dns/],
    ['connect h:1 --resolver 127.0.0.1:0', /"127.0.0.1:0" is no address of a DNS server/],
    ['connect h:1 --resolver 127.0.0.1:70000', /"127.0.0.1:70000" is no address of a DNS server/],
    ['fanout h:1 --exp x', /unknown option '--exp' \(Did you mean --expect\?\)/],
    ['fanout h:1 --exc x', /\(Did you mean --exclude or --exclude-file\?\)/],
    ['fanout h:1 --expct x', /\(Did you mean --expect\?\)/],
    ['fanout h:1 --allow ,', /It is empty; leave the option out/],
    ['doctor --jsn', /unknown option '--jsn' .*--json.*see pollout doctor --help/],
    ['doctor here', /too many arguments/],
    ['build-addon -o', /argument missing/],
    ['fanout h:1 -c 0', /connects in flight, from 1/],
    ['fanout h:1 --concurrency 2.5', /whole number/],
    ['fanout h:1 --max-per-host 0', /connects in flight, from 1/],
    ['fanout h:1 --threads -1', /whole number of threads, from 0 to 64/],
    ['fanout h:1 --threads 65', /from 0 to 64/],
    ['fanout h:1 --threads 1.5', /from 0 to 64/],
    ['fanout h:1 --threads two', /from 0 to 64/],
    ['fanout h:1 --rate 0', /more than 0/],
    ['fanout h:1 --rate -1', /more than 0/],
    ['fanout h:1 --rate Infinity', /more than 0/],
    ['fanout h -p http', /neither a port nor a range of ports; write 22,80/],
    ['fanout h', /"h" has no port; write h:443, or give ports for all by -p/],
    ['fanout tls://h:443', /no tls:\/\/ endpoint; write tcp:\/\/h:443, and --tls/],
    ['fanout {}/comments', /; for the list in that file, -l .*comments/],
    ['fanout a_b^c:1', /no host name, address, CIDR block or range/],
    ['fanout 10.0.0.0/99:1', /no CIDR block; write 10\.0\.0\.0\/8/],
    ['fanout h:1 --exclude 10.0.0.0/99', /no CIDR block/],
    [
      'fanout h:1 --exclude-file {}/bad-excludes',
      /bad-excludes, line 2: "10\.0\.0\.9-1" is no range/,
    ],
    ['fanout h:1 --exclude-file {}/missing', /can't read .*missing: ENOENT/],
    ['fanout h:1 --allow 10.0.0.1/8', /allow: "10\.0\.0\.1\/8" is neither/],
    ['fanout h:1 --json --csv', /two formats; choose one/],
    ['fanout h:1 --only open', /no outcome "open"; there are connected/],
    ['fanout h:1 --retry-on open', /no outcome "open"/],
    ['fanout h:1 --retries -1', /whole number of retries, from 0/],
    ['fanout h:1 --shard 3/2', /as 1\/3, 2\/3, 3\/3/],
    ['fanout h:1 --seed x --no-shuffle', /--no-shuffle forgoes/],
    ['fanout h:1 --stream --shard 1/2', /leave --stream out/],
    ['fanout h:1 --expect /(/', /Invalid regular expression/],
    ['fanout h:1 --expect /(?=a)/', /no look-around/],
    ['fanout h:1 --expect /a/g', /There is no flag g; there are i, m, s, u/],
    ['fanout h:1 --expect /\\x4/', /There is no escape \\x here; there are \\xHH/],
    ['fanout h:1 --sni x', /--sni needs --tls/],
    ['fanout h:1 --banner 0', /bytes, from 1/],
    ['fanout h:1 --resume', /--resume needs --checkpoint <file>/],
    ['fanout h:1 --checkpoint {}/c', /--checkpoint needs -o <file>/],
    ['fanout h:1 --checkpoint {}/none/c -o {}/out', /can't write the checkpoint .*none\/c: ENOENT/],
    ['fanout h:1 --checkpoint {}/c -o /dev/null', /of a regular file, which \/dev\/null is not/],
    ['fanout h:1 --checkpoint {}/comments --resume -o {}/out', /comments is no checkpoint/],
    ['fanout h:1 -o {}/none/out', /can't write to .*none\/out: ENOENT/],
    ['fanout -l {}/missing', /can't read .*missing: ENOENT.*name a readable file/],
    ['fanout -l {}', /is a directory; name a file/],
    ['fanout -l {}/empty', /no targets in .*empty; write one a line: host:port/],
    ['fanout -l {}/comments', /no targets in/],
    ['fanout --stream -l {}/comments', /no targets in/],
    ['fanout', /no targets in standard input/],
    ['help scan', /unknown command 'scan'/],
    ['fanout -l /proc/self/mem', /can't read .*EIO/],
  ])('pollout %s', async (line, expected) => {
    const args = line.split(' ').map((arg) => arg.replace('{}', folder))
    const { code, stdout, stderr } = await pollout(args)
    expect(stdout).toBe('')
    expect(stderr).toMatch(
      /^pollout: [^\n]+ \(see pollout( connect| fanout| doctor| build-addon)? --help\)\n$/,
    )
    expect(stderr).toMatch(expected)
    expect(code).toBe(2)
  })

  it.skipIf(process.getuid?.() === 0 && process.platform !== 'linux')(
    'a file that may not be read',
    async () => {
      // Root may read all; the built files must be readable for the other user, or this says nothing.
      const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {}
      const { code, stderr } = await pollout(['fanout', '-l', join(folder, 'locked')], uid)
      expect(stderr).toMatch(/^pollout: can't read .*locked: EACCES.*\n$/)
      expect(code).toBe(2)
    },
  )

  it('one endpoint that is none is refused before the others are tried', async () => {
    const good = `tcp://127.0.0.1:${await unusedPort()}`
    const { code, stdout, stderr } = await pollout(['connect', good, 'tcp://x', good])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^pollout: "tcp:\/\/x" has no port[^\n]*\n$/)
  })

  it('keeps what it quotes on one line', async () => {
    const { stderr } = await pollout(['fanout', '-l', 'no\nsuch\x1b[2Jfile'])
    expect(stderr.trimEnd()).not.toMatch(/\p{Cc}/u)
  })

  it('native where it is not available', async () => {
    const args = ['connect', 'tcp://127.0.0.1:1', '--backend', 'native']
    const { code, stderr } = await pollout(args, { nodeArgs: ['--no-addons'] })
    expect(stderr).toMatch(
      /^pollout: the native backend is not available: [^\n]+choose 'net'[^\n]+\n$/,
    )
    expect(code).toBe(2)
  })
})

describe('help', () => {
  it.each([
    [[], 2, 'stderr'],
    [['--help'], 0, 'stdout'],
    [['help'], 0, 'stdout'],
    [['connect', '--help'], 0, 'stdout'],
    [['fanout', '-h'], 0, 'stdout'],
  ] as const)('pollout %j', async (args, expected, stream) => {
    const finished = await pollout(args)
    expect(finished.code).toBe(expected)
    expect(finished[stream]).toMatch(/^Usage: pollout/)
    expect(finished[stream]).toMatch(/Examples:(\n {2}\S.*){3}/)
    expect(finished[stream]).toMatch(/Exit codes:\n {2}0 {2}all connected/)
    expect(finished[stream === 'stdout' ? 'stderr' : 'stdout']).toBe('')
  })

  it.each([
    ['connect', '(default: 10000)', ['localFault', 'elapsedMs']],
    [
      'fanout',
      '(default: 4000)',
      ['(default: 1000)', 'networks that are yours', '--resume', 'skipped'],
    ],
  ])(
    'of %s tells options with defaults, endpoints, fields and outcomes',
    async (c, timeout, words) => {
      const { stdout } = await pollout([c, '--help'])
      const text = stdout.replace(/\s+/g, ' ')
      expect(text).toContain(`in milliseconds ${timeout}`)
      for (const word of ['unix:@name', 'tcp://[v6]:port', 'choices: "auto"', ...words]) {
        expect(text).toContain(word)
      }
    },
  )

  it('of fanout names each outcome and each exit code that there is', async () => {
    const { stdout } = await pollout(['fanout', '--help'])
    for (const kind of FANOUT_KINDS) expect(stdout).toMatch(new RegExp(`^  ${kind} `, 'm'))
    const codes = stdout.slice(stdout.indexOf('Exit codes:'), stdout.indexOf('Examples:'))
    for (const code of Object.values(ExitCode)) expect(codes).toContain(String(code))
  })

  it('--version', async () => {
    expect(await pollout(['--version'])).toMatchObject({ code: 0, stdout: `${manifest.version}\n` })
  })
})
