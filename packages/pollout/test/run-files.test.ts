/** What a run reads is never written to, what it writes is one run's, and what is refused leaves no trace. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { placeOf } from '../src/cli/common/file-place.js'
import type { FanoutCommandOptions } from '../src/cli/fanout/fanout-options.js'
import { lockName, takeLock } from '../src/cli/fanout/file-lock.js'
import { openInput } from '../src/cli/fanout/input.js'
import { lockFile, outputsOf } from '../src/cli/fanout/run-files.js'
import { CLI, finish, listen, pollout, start } from './harness.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-files-'))
  const path = folder
  onTestFinished(() => rmSync(path, { recursive: true }))
  writeFileSync(join(folder, 'list'), '127.0.0.1:1\n')
  symlinkSync('list', join(folder, 'link'))
  symlinkSync('link', join(folder, 'link-to-link'))
  linkSync(join(folder, 'list'), join(folder, 'hard'))
  symlinkSync(folder, join(folder, 'here'))
  symlinkSync('none-yet', join(folder, 'dangling'))
  mkdirSync(join(folder, 'sub'))
})

/** `{}` is the test's folder. */
const here = (text: string) => text.replaceAll('{}', folder)

describe('before anything is written', () => {
  type Names = Pick<FanoutCommandOptions, 'output' | 'report' | 'checkpoint'>
  const outputs = (names: Names, ...lists: string[]) =>
    outputsOf(
      JSON.parse(here(JSON.stringify(names))) as FanoutCommandOptions,
      lists.map((list) => openInput(here(list))),
    )
  const contents = () => readdirSync(folder).sort()

  it.each<[string, Names, string]>([
    ['-o', { output: '{}/list' }, '{}/list'],
    ['another spelling', { output: '{}/sub/..//./list' }, '{}/list'],
    ['a link', { output: '{}/link-to-link' }, '{}/list'],
    ['the list by a link', { output: '{}/list' }, '{}/link'],
    ['a hard link', { output: '{}/hard' }, '{}/list'],
    ['another way to the folder', { output: '{}/here/here/list' }, '{}/list'],
    ['--report', { report: '{}/hard' }, '{}/list'],
    ['--checkpoint', { output: '{}/out', checkpoint: '{}/link' }, '{}/list'],
  ])('refuses an output that is read: %s', (_, names, list) => {
    const before = contents()
    expect(() => outputs(names, list)).toThrow(
      /^(-o|--report|--checkpoint) \S+ is \S+, which this run reads: it would be overwritten; name/,
    )
    expect(contents()).toEqual(before)
    expect(readFileSync(join(folder, 'list'), 'utf8')).toBe('127.0.0.1:1\n')
  })

  it.each(['out.pollout-tmp', 'page.pollout-tmp'])(
    'refuses a list where it needs a name: %s',
    (list) => {
      writeFileSync(join(folder, list), 'h:1\n')
      const names = { output: '{}/x', checkpoint: '{}/out', report: '{}/page' }
      expect(() => outputs(names, `{}/${list}`)).toThrow(/which --(checkpoint|report) needs, is /)
    },
  )

  it.each<[string, Names]>([
    ['one name', { output: '{}/out', report: '{}/out' }],
    ['one that is there', { output: '{}/list', report: '{}/hard' }],
    ['two spellings of one that is not', { output: '{}/out', report: '{}/sub/../out' }],
    ['two ways to its folder', { output: '{}/out', checkpoint: '{}/here/out' }],
    ['a link to one that is not', { output: '{}/dangling', report: '{}/none-yet' }],
    ['checkpoint and report', { output: '{}/out', checkpoint: '{}/a', report: '{}/a' }],
    ['what a checkpoint needs', { output: '{}/a.pollout-tmp', checkpoint: '{}/a' }],
  ])('refuses two outputs that are one: %s', (_, names) => {
    const before = contents()
    expect(() => outputs(names)).toThrow(/ are one file; name two$/)
    expect(contents()).toEqual(before)
  })

  it.each<[Names, RegExp]>([
    [{ output: '{}/sub' }, /^can't write to \S+sub: it is a folder$/],
    [{ output: '{}/new/' }, /^can't write to \S+new\/: it is a folder$/],
    [{ output: '{}/none/out' }, /^can't write to \S+out: ENOENT/],
    [{ output: '{}/list/out' }, /^can't write to \S+out: ENOTDIR/],
    [{ report: '{}/none/page' }, /^can't write the report to \S+page: ENOENT/],
    [{ output: '{}/x', checkpoint: '-' }, /^--checkpoint needs a regular file/],
    [{ output: '{}/x', checkpoint: '/dev/null' }, /^--checkpoint needs a regular file/],
    [{ report: '-' }, /^standard output has the outcomes; name a file/],
    [{ output: '/dev/stdout', report: '/proc/self/fd/1' }, /^standard output has the outcomes/],
  ])('refuses %j', (names, message) => {
    expect(() => outputs(names)).toThrow(message)
  })

  it.each<Names>([
    { output: '{}/out', report: '{}/page', checkpoint: '{}/state' },
    { output: '/dev/null', report: '/dev/null' },
    { output: '{}/dangling' },
    { output: '{}/out', report: '-' },
  ])('takes %j', (names) => {
    outputs(names, '{}/list')
    expect(existsSync(join(folder, 'out'))).toBe(false)
  })

  it.each(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])('%s is standard output', (name) => {
    expect(outputs({ output: name }).output).toBeUndefined()
  })
})

/** In a shell, with the command as `$P`. */
function shell(script: string) {
  const child = spawn('bash', ['-c', script], {
    cwd: folder,
    env: { ...process.env, P: `${process.execPath} ${CLI}` },
  })
  return finish(child)
}

describe('redirections', () => {
  it.each([
    [
      '$P fanout -l list -l other >> list',
      /^pollout: standard output is list, which this run reads: /,
    ],
    ['$P fanout < list >> list', /^pollout: standard output is standard input, which this run /],
    ['$P fanout -l other --exclude-file list >> list', /^pollout: standard output is list, which /],
    [
      '$P fanout -l list -o - 1<> hard',
      /^pollout: standard output is list, which this run reads: /,
    ],
    [
      '$P fanout -l - -o list < list',
      /^pollout: -o list is standard input, which this run reads: /,
    ],
    [
      '$P fanout -l other --report list >> list',
      /^pollout: --report list and standard output are one/,
    ],
    [
      '$P fanout -l - --exclude-file - < list',
      /^pollout: standard input is named twice, and can be /,
    ],
    [
      'cat list | $P fanout -l - --exclude-file /dev/stdin',
      /^pollout: \/dev\/stdin is named twice/,
    ],
  ])('refuses %s', async (script, message) => {
    writeFileSync(join(folder, 'other'), '127.0.0.2:1\n')
    const before = readdirSync(folder)
    const { code, stdout, stderr } = await shell(script)
    expect(stderr).toMatch(message)
    expect([code, stdout, stderr.split('\n').length]).toEqual([2, '', 2])
    expect(readFileSync(join(folder, 'list'), 'utf8')).toBe('127.0.0.1:1\n')
    expect(readdirSync(folder)).toEqual(before)
  })

  it.each([
    ['$P connect unix:none --send - < list >> list', /^pollout: standard output is the file that /],
    [
      '$P connect unix:none --send - --json < hard 1<> list',
      /^pollout: standard output is the file /,
    ],
    [
      '$P connect unix:none --send - < list 2>> list; cat list >&2; echo "127.0.0.1:1" > list',
      /^127.*\npollout: standard error is the file /,
    ],
  ])('connect does not send what it answers: %s', async (script, message) => {
    const { stderr } = await shell(script)
    expect(stderr).toMatch(message)
    expect(readFileSync(join(folder, 'list'), 'utf8')).toBe('127.0.0.1:1\n')
  })

  it('connect: an input that can not be read ends it, whatever the peer waits for', async () => {
    const { uri } = await listen()
    const { code, stderr } = await shell(`$P connect ${uri} --send - 0> new`)
    expect(stderr).toMatch(/^connected .*\npollout: can't read standard input: EBADF[^\n]*\n$/)
    expect(code).toBe(2)
    expect((await shell(`$P connect ${uri} --send - < sub`)).stderr).toMatch(/is a directory/)
  })

  it('-o - is standard output, and so is --report - with -o', async () => {
    const closed = await unusedPort()
    const target = `127.0.0.1:${closed}`
    const { lines } = await shell(`$P fanout ${target} --json --silent -o -`)
    expect(lines).toEqual([expect.stringContaining(`"endpoint":"tcp://${target}"`)])
    const page = await shell(`$P fanout ${target} --json --silent -o out --report -`)
    expect(page.stdout).toMatch(/^<!doctype html>/i)
    expect(readFileSync(join(folder, 'out'), 'utf8').split('\n')).toHaveLength(2)
    // Behind what is there, as the shell has opened it.
    await shell(`$P fanout ${target} --json --silent -o /dev/stdout >> out`)
    expect(readFileSync(join(folder, 'out'), 'utf8').split('\n')).toHaveLength(3)
    expect(readdirSync(folder)).not.toContain('-')
  })

  it('a limit of file sizes is told as a full disk is, and nothing half is left', async () => {
    const closed = await unusedPort()
    const run = '$P fanout "127.0.0.0/24:$1" --json --rate 100000 -c 20 -o out --checkpoint state'
    const script = `set -- ${closed}; (ulimit -f 8; ${run}); echo "code $?"; ${run} --resume --silent`
    const { lines, stderr, code } = await shell(script)
    expect(stderr).toMatch(/\npollout: can't write to out: EFBIG[^\n]*\n/)
    expect([lines, code]).toEqual([['code 3'], 1])
    const rows = readFileSync(join(folder, 'out'), 'utf8').trim().split('\n')
    expect(new Set(rows.map((row) => JSON.parse(row).endpoint)).size).toBe(256)
    expect(rows).toHaveLength(256)
  })
})

describe('what is refused leaves nothing behind', () => {
  it.each([
    '$P fanout 127.0.0.1:1 --checkpoint list -o out --resume',
    '$P fanout -l none -o out --report page',
    '$P fanout -l sub/none -o out --checkpoint state --resume',
    '$P fanout 127.0.0.1:x -o out --checkpoint state',
    '$P fanout -o out --checkpoint state < /dev/null',
    '$P fanout 127.0.0.1:1 -o out --checkpoint none/state',
  ])('%s', async (script) => {
    const before = readdirSync(folder)
    const { code } = await shell(script)
    expect([code, readdirSync(folder)]).toEqual([2, before])
  })
})

describe('locks', () => {
  it.each(['linux', 'darwin'] as const)('one has it, and says who: as on %s', async (platform) => {
    const identity = `test ${folder}`
    if (platform !== 'linux') {
      const name = lockName(identity, platform)
      onTestFinished(() => rmSync(name, { force: true }))
      // That of a process which was killed.
      const program = `require('net').createServer().listen(${JSON.stringify(name)}, () => process.kill(process.pid, 9))`
      expect(() => execFileSync(process.execPath, ['-e', program], { stdio: 'ignore' })).toThrow()
      expect(existsSync(name)).toBe(true)
    }
    expect(await takeLock(identity, platform)).toBeUndefined()
    const asking = connect(lockName(identity, platform)).setEncoding('utf8')
    expect(await asking.toArray()).toEqual([`${process.pid}`])
    expect(await takeLock(identity, platform)).toBeUndefined()
    expect(await takeLock(`${identity} 2`, platform)).toBeUndefined()
    rmSync(lockName(`${identity} 2`, 'darwin'), { force: true })
  })

  it('another process with the same number, as in another container, is another one', async () => {
    const identity = `container ${folder}`
    const other = createServer((asking) => void asking.end(`${process.pid}`))
    onTestFinished(() => void other.close())
    other.listen(lockName(identity, process.platform))
    await once(other, 'listening')
    const place = { ...placeOf(join(folder, 'out')), name: 'out', identities: [identity] }
    await expect(lockFile(place)).rejects.toThrow('out is in use by another run')
  })

  it('a stranger that has the name, and says no end of other things, is one that is not known', async () => {
    const identity = `stranger ${folder}`
    const stranger = createServer((asking) => {
      const flood = (): void => {
        while (!asking.destroyed && asking.write('x'.repeat(65_536)));
      }
      asking.on('error', () => {}).on('drain', flood)
      flood()
    })
    onTestFinished(() => void stranger.close())
    stranger.listen(lockName(identity, process.platform))
    await once(stranger, 'listening')
    expect(await takeLock(identity)).toBe(0)
  })

  it('two runs into one output, checkpoint or report: the second is refused at once', async () => {
    const files = ['-o', 'out', '--checkpoint', 'state', '--report', 'page']
    const child = start(
      ['fanout', '127.0.0.0/8', '-p', `${await unusedPort()}`, '--rate', '1', ...files],
      {
        cwd: folder,
      },
    )
    await once(child.stderr as NodeJS.ReadableStream, 'readable')
    linkSync(join(folder, 'out'), join(folder, 'out-by-a-link'))
    for (const mine of [
      ['-o', 'out'],
      ['-o', 'out-by-a-link'],
      ['-o', 'here/out', '--resume', '--checkpoint', 'other'],
      ['-o', 'other', '--checkpoint', 'state', '--resume'],
      ['-o', 'other', '--report', 'sub/../page'],
    ]) {
      const { code, stderr } = await pollout(['fanout', '127.0.0.1:1', ...mine], { cwd: folder })
      expect(stderr).toMatch(
        new RegExp(
          `^pollout: \\S+ is in use by another run, process ${child.pid}; wait for its end `,
        ),
      )
      expect([code, existsSync(join(folder, 'other'))]).toEqual([2, false])
    }
    child.kill('SIGKILL')
    await once(child, 'exit')
    const again = await pollout(['fanout', '127.0.0.1:1', '-o', 'out', '--silent'], { cwd: folder })
    expect([again.code, again.stderr]).toEqual([1, ''])
  })
})
