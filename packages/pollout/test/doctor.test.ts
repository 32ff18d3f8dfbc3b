/** `pollout doctor` and `pollout build-addon`: what they tell is true. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { native, pollout, type RunOptions } from './harness.js'

const HAS_COMPILER = spawnSync('g++', ['--version']).status === 0
const REPOSITORY = join(import.meta.dirname, '../../..')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-doctor-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function report(options?: RunOptions) {
  const { code, stdout, stderr } = await pollout(['doctor', '--json'], options)
  expect(stderr).toBe('')
  return { code, ...JSON.parse(stdout) }
}

describe.skipIf(!native.available)('where the native backend works', () => {
  it('says so in text, and has tried it', async () => {
    const { code, lines } = await pollout(['doctor'])
    expect(lines[0]).toBe('backend  native')
    expect(lines[1]).toMatch(/^why {6}\/.*\/prebuilds\/linux-\w+\/pollout\.node was loaded$/)
    expect(lines[2]).toBe('tried    it connects')
    expect(lines[3]).toMatch(/^here {5}node \d.*, linux-\w+, (glibc|musl), kernel \d/)
    expect([code, lines.length]).toEqual([0, 4])
  })

  it('says so as JSON', async () => {
    expect(await report()).toMatchObject({
      code: 0,
      backend: 'native',
      reason: null,
      remedy: null,
      runtime: `node ${process.versions.node}`,
      platform: `${process.platform}-${process.arch}`,
      tried: null,
    })
  })
})

describe('where Node may not load addons', () => {
  it.runIf(native.available)('--no-addons is to be left out', async () => {
    expect(await report({ nodeArgs: ['--no-addons'] })).toMatchObject({
      code: 1,
      backend: 'net',
      reason: expect.stringMatching(/^the addon does not load: .*disabled/),
      remedy: 'leave out --no-addons',
      addon: null,
      tried: null,
    })
  })

  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission'
  it.runIf(native.available)(`${permission} wants --allow-addons`, async () => {
    const nodeArgs = ['--no-warnings', permission, '--allow-fs-read=*']
    if (process.allowedNodeEnvironmentFlags.has('--allow-net')) nodeArgs.push('--allow-net')
    const without = await report({ nodeArgs })
    expect(without).toMatchObject({ code: 1, backend: 'net', tried: null })
    expect(without.remedy).toBe(`run node with --allow-addons beside ${permission}`)
    const allowed = await report({ nodeArgs: [...nodeArgs, '--allow-addons'] })
    expect(allowed).toMatchObject({ code: 0, backend: 'native' })
  })
})

describe('POLLOUT_ADDON', () => {
  /** The remedies are run by packages/install-tests. */
  const elsewhere = (file: string) =>
    native.available ? 'unset POLLOUT_ADDON' : `pnpm exec pollout build-addon -o '${file}'`

  it('names a file that is not there', async () => {
    const file = join(folder, 'nothing.node')
    const { code, reason, remedy } = await report({ env: { POLLOUT_ADDON: file } })
    expect(reason).toBe(`POLLOUT_ADDON is ${file}, which is not there`)
    expect(remedy).toBe(elsewhere(file))
    expect(code).toBe(1)
  })

  it('names a file that is no addon', async () => {
    const told = await report({ env: { POLLOUT_ADDON: process.execPath } })
    expect(told).toMatchObject({ code: 1, backend: 'net' })
    expect(told.reason).toMatch(/^the addon does not load: /)
    expect(told.remedy).toBe(elsewhere(process.execPath))
  })

  it.runIf(native.available)(
    'names a file that is cut short: the loader would be killed',
    async () => {
      const bytes = readFileSync((await report()).addon)
      const file = join(folder, 'cut.node')
      for (const length of [5_000, bytes.length >> 1, bytes.length - 1]) {
        writeFileSync(file, bytes.subarray(0, length))
        const told = await report({ env: { POLLOUT_ADDON: file } })
        expect(told).toMatchObject({ code: 1, reason: `the addon ${file} is cut short` })
        expect(told.remedy).toBe(elsewhere(file))
      }
    },
  )

  it.runIf(native.available)(
    'names a file of another kind: its header is not read as if it were ours',
    async () => {
      const file = join(folder, 'other.node')
      // e_ident's class and order of bytes: 32 bits, and the highest byte first.
      for (const [place, value] of [
        [4, 1],
        [5, 2],
      ] as const) {
        const bytes = readFileSync((await report()).addon)
        bytes[place] = value
        writeFileSync(file, bytes.subarray(0, 5_000))
        const told = await report({ env: { POLLOUT_ADDON: file } })
        expect(told.reason).toMatch(/^the addon does not load: /)
      }
    },
  )

  it.runIf(HAS_COMPILER)('names what build-addon has made', async () => {
    const file = join(folder, `my, own 'addön' "$é"\n=%`, 'own.node')
    const built = await pollout(['build-addon', '-o', file])
    expect(built).toMatchObject({ code: 0, stderr: '' })
    expect(built.stdout).toMatch(/: compiled, \d+ bytes in \/.*own\.node\n$/s)
    expect(await report({ env: { POLLOUT_ADDON: file } })).toMatchObject({ code: 0, addon: file })
  })
})

const BUILD_SCRIPT = join(REPOSITORY, 'packages/backend-native/scripts/build-addon.mjs')

it.each([
  [['--bogus'], 2, /^Unknown option '--bogus'.*\nbuild-addon\.mjs \[/s],
  [['--output'], 2, /^Option '--output <value>' argument missing\nbuild-addon\.mjs \[/],
  [['--output', '/'], 1, /^the native addon could not be built: \/ is a folder\n$/],
] as const)('the script that compiles, with %j', (args, code, said) => {
  const ran = spawnSync(process.execPath, [BUILD_SCRIPT, ...args], { encoding: 'utf8' })
  expect(ran).toMatchObject({ status: code, stdout: '', stderr: expect.stringMatching(said) })
})

it.runIf(HAS_COMPILER)('build-addon that is interrupted leaves nothing', async () => {
  const file = join(folder, 'made', 'own.node')
  const child = spawn(process.execPath, [BUILD_SCRIPT, '--output', file], { stdio: 'ignore' })
  await expect.poll(() => existsSync(dirname(file)) && readdirSync(dirname(file))).toHaveLength(1)
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  expect([code, readdirSync(dirname(file))]).toEqual([130, []])
})

it.each([false, true])(
  'build-addon says what is missing, and leaves what there was: %s',
  async (was) => {
    const programs = mkdtempSync(join(folder, 'programs-'))
    symlinkSync(process.execPath, join(programs, 'node'))
    const file = join(programs, 'own.node')
    if (was) writeFileSync(file, 'mine')
    const { code, stderr } = await pollout(['build-addon', '-o', file], {
      env: { PATH: programs, CXX: '' },
    })
    expect(stderr).toMatch(
      /^the native addon could not be built: there is no C\+\+ compiler for linux-/,
    )
    expect(code).toBe(1)
    expect(existsSync(file)).toBe(was)
    if (was) expect(readFileSync(file, 'utf8')).toBe('mine')
  },
)
