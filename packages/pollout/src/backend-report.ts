/** Which backend a reactor gets here, and why; what would help where that is the slower one. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isNativeBackendAvailable, type NativeBackendAvailability } from '@pollout/backend-native'

/**
 * What `createReactor()` chooses on this machine, and what that rests on.
 *
 * @example
 * ```ts
 * import { type BackendReport, backendReport } from 'pollout'
 *
 * const report: BackendReport = backendReport()
 * if (report.backend === 'net') console.warn(report.reason, report.remedy ?? '')
 * ```
 */
export interface BackendReport {
  readonly backend: 'native' | 'net'
  /** Why it is not the native one: a sentence without a full stop. */
  readonly reason: string | undefined
  /** What to do for the native one, as a sentence or as a command of the package manager at hand; undefined: nothing helps. */
  readonly remedy: string | undefined
  /** The addon's file, where one was loaded. */
  readonly addon: string | undefined
  /** `node 24.1.0`, `bun 1.4.5`, `deno 2.9.6`. */
  readonly runtime: string
  /** `linux-x64` */
  readonly platform: string
  /** The C library; undefined off Linux, and where it can't be told. */
  readonly libc: 'glibc' | 'musl' | undefined
  /** The kernel's version, as uname(2) has it. */
  readonly kernel: string
}

/**
 * Loads the native backend's addon, if that was not done before, and tells how it went. Connects to nothing; never throws.
 *
 * @example
 * ```ts
 * import { backendReport } from 'pollout'
 *
 * const { backend, reason } = backendReport()
 * console.log(backend, reason ?? '')
 * ```
 */
export function backendReport(): BackendReport {
  const native = isNativeBackendAvailable()
  return {
    backend: native.available ? 'native' : 'net',
    reason: native.available ? undefined : native.reason,
    remedy: native.available ? undefined : remedyFor(native),
    addon: native.available ? native.addon : undefined,
    runtime: runtimeName(),
    platform: `${process.platform}-${process.arch}`,
    libc: process.platform === 'linux' ? libcName() : undefined,
    kernel: release(),
  }
}

/** How each package manager runs a program of what is installed. */
const RUN = { npm: 'npx', pnpm: 'pnpm exec', yarn: 'yarn', bun: 'bunx' } as const
const LOCK_FILES = {
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
  'bun.lock': 'bun',
  'bun.lockb': 'bun',
  'package-lock.json': 'npm',
} as const

function remedyFor(
  native: Extract<NativeBackendAvailability, { available: false }>,
): string | undefined {
  switch (native.remedy) {
    case 'build':
      return buildCommand(native.addon)
    case 'place':
      return `copy prebuilds/${process.platform}-${process.arch}/pollout.node of @pollout/backend-native beside the bundle, or name it by POLLOUT_ADDON`
    case 'unset':
      return 'unset POLLOUT_ADDON'
    case 'allow-addons':
      return allowAddons()
    case 'allow-read':
      // Of the whole package, which is the folder of its prebuilds/<platform>/pollout.node.
      return `run node with --allow-fs-read='${resolve(native.addon ?? '', '../../..')}'`
    default:
      return undefined
  }
}

/** Into the package; or into a file of its own, where that can't be written or the user has named one. */
function buildCommand(addon: string | undefined): string {
  const command = `${RUN[packageManager()]} pollout build-addon`
  if (process.env['POLLOUT_ADDON']) return `${command} -o "$POLLOUT_ADDON"`
  if (addon === undefined || isWritable(addon)) return command
  return `export POLLOUT_ADDON="$PWD/pollout.node" && ${command} -o "$POLLOUT_ADDON"`
}

/** Whether a file can come to be there: by the nearest folder that there is. */
function isWritable(file: string): boolean {
  let folder = dirname(file)
  while (!isThere(folder) && folder !== dirname(folder)) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Under Node's permission model existsSync() throws where it may not look. */
function isThere(path: string): boolean {
  try {
    return existsSync(path)
  } catch {
    return false
  }
}

function allowAddons(): string {
  if (process.versions['deno'] !== undefined) return 'run deno with --allow-ffi'
  const options = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')]
  const remedies: string[] = []
  if (options.includes('--no-addons')) remedies.push('leave out --no-addons')
  if (process.permission !== undefined && !options.includes('--allow-addons')) {
    const [permission] = ['--permission', '--experimental-permission'].filter((flag) =>
      process.allowedNodeEnvironmentFlags.has(flag),
    )
    remedies.push(`run node with --allow-addons beside ${permission}`)
  }
  return remedies.join(' and ') || 'leave out --no-addons'
}

/** Whose script this is, or whose lock file is the nearest; else npm, which comes with Node. */
function packageManager(): keyof typeof RUN {
  const [, agent = ''] = /^(\w+)\//.exec(process.env['npm_config_user_agent'] ?? '') ?? []
  if (Object.hasOwn(RUN, agent)) return agent as keyof typeof RUN
  for (let folder = currentFolder(); ; folder = dirname(folder)) {
    for (const [file, manager] of Object.entries(LOCK_FILES)) {
      if (isThere(join(folder, file))) return manager
    }
    if (folder === dirname(folder)) return 'npm'
  }
}

/** The root where it was removed. */
function currentFolder(): string {
  try {
    return resolve('.')
  } catch {
    return resolve('/')
  }
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions
  if (bun !== undefined) return `bun ${bun}`
  return deno === undefined ? `node ${node}` : `deno ${deno}`
}

/** By what is mapped into this process; undefined where that can't be read. */
function libcName(): 'glibc' | 'musl' | undefined {
  try {
    const maps = readFileSync('/proc/self/maps', 'latin1')
    // As Alpine has it, and as Debian has it beside its own.
    return /\/ld-musl-|-linux-musl\/libc\.so/.test(maps) ? 'musl' : 'glibc'
  } catch {
    return undefined
  }
}
