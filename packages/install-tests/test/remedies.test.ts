/**
 * Each remedy that a message names helps, run as it is printed. Those that compile take a while: with the other tests
 * few are run, and all of them by `pnpm --filter @pollout/install-tests run matrix`.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  commandsIn,
  type Install,
  MANAGERS,
  pathWithoutCompiler,
  runProgram,
} from '../src/managers.js'
import { ADDON, json, managerNamed, startUser, type User } from '../src/user.js'

const whole = process.env['POLLOUT_INSTALL_MATRIX'] === 'all'
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
describe.runIf(whole && HAS_COMPILER)('an addon that the package has not, and a compiler', () => {
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
    const named = { ...how, env: { POLLOUT_ADDON: join(how.folder, 'my own.node') } }
    const { remedy } = json(await shell(DOCTOR, named))
    expect(remedy).toBe('npx pollout build-addon -o "$POLLOUT_ADDON"')
    expect(await shell(remedy, named)).toMatchObject({ code: 0 })
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
