/** Finds what else a user could pick: Bun and Deno as `pnpm bench:yardsticks` installs them, or on the PATH; Go on the PATH. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, root } from './build.js'
import { RUNTIMES, type RuntimeId } from './job.js'

export type Runtime =
  | { readonly version: string; readonly file: string; readonly args: readonly string[] }
  | { readonly missing: string }

const installed = join(root, 'yardstick/runtimes/node_modules')
const HINT = 'pnpm bench:yardsticks installs it'

/** `asked`: only those are looked for. */
export function findRuntimes(asked: (id: RuntimeId) => boolean): ReadonlyMap<RuntimeId, Runtime> {
  const found = RUNTIMES.filter(asked).map((id): [RuntimeId, Runtime] => {
    try {
      return [id, FINDERS[id]()]
    } catch (error) {
      return [id, { missing: error instanceof Error ? error.message : String(error) }]
    }
  })
  return new Map(found)
}

const FINDERS: Record<RuntimeId, () => Runtime> = {
  bun: () => {
    // Not the file in bin/: a script puts it there, and not everybody lets scripts run.
    const file = find('bun', '@oven', 'bin/bun')
    return { version: versionOf(file, '--version', HINT), file, args: [program('bun')] }
  },
  deno: () => {
    const file = find('deno', '@deno', 'deno')
    const args = ['run', '--quiet', '--no-config', '--no-lock', '--allow-all', program('deno')]
    return { version: versionOf(file, '--version', HINT), file, args }
  },
  go: () => {
    const version = versionOf('go', 'version', 'a distribution has it as golang-go')
    const source = join(root, 'yardstick/go/main.go')
    return { version, file: build('connect-go', ['go', 'build'], [source]), args: [] }
  },
}

function program(name: string): string {
  return fileURLToPath(new URL(`./runtimes/${name}.js`, import.meta.url))
}

/** In the package for this platform, of which the scope's folder holds one or more; else on the PATH. */
function find(name: string, scope: string, path: string): string {
  const folder = join(installed, scope)
  const packages = existsSync(folder) ? readdirSync(folder) : []
  return packages.map((one) => join(folder, one, path)).find((file) => existsSync(file)) ?? name
}

/** Throws where it is not there, or does not run on this machine. */
function versionOf(file: string, flag: string, hint: string): string {
  const { error, status, stdout } = spawnSync(file, [flag], { encoding: 'utf8' })
  if (error || status !== 0) throw new Error(`not installed: ${hint}`)
  return /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? 'unknown'
}
