/** A user's folder with `pollout` installed by npm, for tests that share one. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Install, MANAGERS, type Manager, type Ran } from './managers.js'
import { startRegistry } from './registry.js'

const PROGRAMS = fileURLToPath(new URL('../programs', import.meta.url))
export const ADDON = '@pollout/backend-native/prebuilds/linux-x64/pollout.node'

export interface User extends AsyncDisposable {
  readonly folder: string
  readonly how: Install
  /** Installs the packages in another folder, by this manager. */
  install(manager: Manager, name: string): Promise<Install>
}

export async function startUser(): Promise<User> {
  const registry = await startRegistry()
  const { folder } = registry
  async function install(manager: Manager, name: string): Promise<Install> {
    const place = join(folder, name)
    mkdirSync(place)
    const manifest = { name: 'user', private: true, type: 'module' }
    writeFileSync(join(place, 'package.json'), JSON.stringify(manifest))
    for (const file of readdirSync(PROGRAMS).filter((name) => name.endsWith('.mjs'))) {
      copyFileSync(join(PROGRAMS, file), join(place, file))
    }
    const path = process.env['PATH'] ?? ''
    const how: Install = { folder: place, registry: registry.url, scripts: 'blocked', path }
    const { code, stderr } = await manager.install(['pollout', 'rxjs'], how)
    if (code !== 0) throw new Error(`${manager.name} did not install: ${stderr}`)
    return how
  }
  return {
    folder,
    how: await install(managerNamed('npm 11'), 'user'),
    install,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

export function managerNamed(name: string): Manager {
  const manager = MANAGERS.find((one) => one.name === name)
  if (manager === undefined) throw new Error(`there is no ${name}`)
  return manager
}

/** What its last line says. */
export function json({ stdout, stderr }: Ran) {
  const line = stdout.trim().split('\n').at(-1) ?? ''
  if (!line.startsWith('{')) throw new Error(`no JSON at its end: ${stdout}${stderr}`)
  return JSON.parse(line)
}
