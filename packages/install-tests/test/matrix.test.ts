/**
 * Every package manager × install scripts allowed or blocked × a compiler or none: `pollout` is installed by its name, and
 * what was installed connects by the native backend. `pnpm --filter @pollout/install-tests run matrix` tries all of them;
 * with the other tests, those where scripts are blocked and there is no compiler, as that is the least there can be.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Install, isWhole, MANAGERS, pathWithoutCompiler, type Ran } from '../src/managers.js'
import { type Registry, startRegistry } from '../src/registry.js'

const MOST_PACKAGES = 15
const SCRIPTS = isWhole ? (['allowed', 'blocked'] as const) : (['blocked'] as const)
const COMPILERS = isWhole ? (['a compiler', 'none'] as const) : (['none'] as const)

const PROGRAM = fileURLToPath(new URL('../programs/connect.mjs', import.meta.url))

let folder: string
let registry: Registry
let bare: string

beforeAll(async () => {
  registry = await startRegistry()
  folder = registry.folder
  bare = pathWithoutCompiler(folder)
})
afterAll(() => registry?.[Symbol.asyncDispose]())

// The others install as one of these does.
const SOME = ['npm 12', 'pnpm 12', 'yarn 4, pnp', 'bun']
const managers = MANAGERS.filter(({ name }) => isWhole || SOME.includes(name))

describe.each(managers)('$name', (manager) => {
  for (const scripts of SCRIPTS) {
    for (const compiler of COMPILERS) {
      it(`scripts ${scripts}, ${compiler}: native at once`, async () => {
        const name = [manager.name, scripts, compiler].join(' ').replaceAll(/\W+/g, '-')
        const place = join(folder, name)
        mkdirSync(place)
        writeFileSync(
          join(place, 'package.json'),
          '{ "name": "user", "private": true, "type": "module" }',
        )
        copyFileSync(PROGRAM, join(place, 'connect.mjs'))
        const path = compiler === 'none' ? bare : (process.env['PATH'] ?? '')
        const how: Install = { folder: place, registry: registry.url, scripts, path }
        const installed = await manager.install(['pollout', 'rxjs'], how)
        expectQuiet(installed)
        if (manager.name.startsWith('npm')) {
          const [, added] = /added (\d+) packages/.exec(installed.stdout) ?? []
          expect(Number(added)).toBeLessThanOrEqual(MOST_PACKAGES)
        }
        const ran = await manager.run(['connect.mjs'], how)
        expectQuiet(ran)
        const told = JSON.parse(ran.stdout.trim().split('\n').at(-1) ?? '')
        expect(told).toMatchObject({ backend: 'native', known: true, warnings: [] })
        expect(told.report).toMatchObject({ backend: 'native', platform: 'linux-x64' })

        const doctor = await manager.command(['doctor', '--json'], how)
        expect(JSON.parse(doctor.stdout)).toMatchObject({
          backend: 'native',
          remedy: null,
          tried: null,
        })
        expect(doctor.code).toBe(0)
      })
    }
  }
})

/** What a package manager says of itself. */
const OF_ITSELF = /^npm warn cli npm v\S+ does not support Node.js/

/** It ended well, and warned of nothing. */
function expectQuiet({ code, stdout, stderr }: Ran): void {
  const all = stdout + stderr
  const warnings = all
    .split('\n')
    .filter((line) => /\bwarn(ing)?\b|deprecated/i.test(line) && !OF_ITSELF.test(line))
    .filter((line) => !line.includes('"warnings":[]'))
  expect({ code, warnings, all }).toEqual({ code: 0, warnings: [], all })
}
