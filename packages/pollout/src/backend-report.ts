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

export const IS_DENO = process.versions['deno'] !== undefined

/** How each package manager runs the command of what is installed. */
const RUN = {
  npm: 'npx pollout',
  pnpm: 'pnpm exec pollout',
  yarn: 'yarn pollout',
  bun: 'bunx pollout',
  deno: 'deno run --allow-all npm:pollout',
} as const
const LOCK_FILES = {
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
  'bun.lock': 'bun',
  'bun.lockb': 'bun',
  'deno.lock': 'deno',
  'package-lock.json': 'npm',
} as const

type Unavailable = Extract<NativeBackendAvailability, { available: false }>

function remedyFor(native: Unavailable): string | undefined {
  switch (native.remedy) {
    case 'build':
      return buildCommand(native.addon)
    case 'place':
      return [placing(native), allowing(native.addon)].filter(Boolean).join(', and ')
    case 'elsewhere':
      return `copy ${quoted(native.addon ?? '')} to where files may be executed, and name it by POLLOUT_ADDON`
    case 'unset':
      return 'unset POLLOUT_ADDON'
    case 'allow':
      return allowing(native.addon) ?? (IS_DENO ? ALLOWING_DENO : 'leave out --no-addons')
    default:
      return undefined
  }
}

/** As a word of a shell. */
const quoted = (path: string) => `'${path.replaceAll("'", "'\\''")}'`

/** Into the package; or into a file of its own, where that can't be written or the user has named one. */
function buildCommand(addon: string | undefined): string {
  const command = `${RUN[packageManager()]} build-addon`
  if (addon === undefined) return command
  if (process.env['POLLOUT_ADDON']) return `${command} -o ${quoted(addon)}`
  if (isWritable(addon)) return command
  const folder = isWritable(join(currentFolder(), 'pollout.node')) ? '$PWD' : '$HOME'
  return `export POLLOUT_ADDON="${folder}/pollout.node" && ${command} -o "$POLLOUT_ADDON"`
}

/** Beside a bundle; where the program is no file, there is no such place, and what is named counts before it. */
function placing({ addon, version }: Unavailable): string {
  const file = `prebuilds/${process.platform}-${process.arch}/pollout.node of @pollout/backend-native ${version}`
  if (addon === undefined || process.env['POLLOUT_ADDON']) return `name ${file} by POLLOUT_ADDON`
  if (addon.endsWith(`/prebuilds/${process.platform}-${process.arch}/pollout.node`)) {
    return `copy ${file} to ${quoted(addon)}, or name it by POLLOUT_ADDON`
  }
  return `copy ${file} beside the bundle, or name it by POLLOUT_ADDON`
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

/** Under a permission model existsSync() throws where it may not look. */
function isThere(path: string): boolean {
  return !isForbidden(path) && existsSync(path)
}

function isForbidden(path: string): boolean {
  try {
    existsSync(path)
    return false
  } catch {
    return true
  }
}

const ALLOWING_DENO = 'run deno with --allow-read --allow-ffi'

/** What the runtime has to be started with, or without, to load an addon from that file; undefined: as it is. */
function allowing(addon: string | undefined): string | undefined {
  const mayNotRead = addon !== undefined && isForbidden(addon)
  if (IS_DENO) return mayNotRead ? ALLOWING_DENO : undefined
  const options = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')]
  const flags: string[] = []
  if (process.permission !== undefined && !options.includes('--allow-addons')) {
    flags.push('--allow-addons')
  }
  if (mayNotRead) flags.push(`--allow-fs-read=${quoted(addon)}`)
  const [permission] = ['--permission', '--experimental-permission'].filter((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  )
  const remedies = [
    ...(options.includes('--no-addons') ? ['leave out --no-addons'] : []),
    ...(flags.length > 0 ? [`run node with ${flags.join(' ')} beside ${permission}`] : []),
  ]
  return remedies.length > 0 ? remedies.join(' and ') : undefined
}

/** The runtime, where it is one; whose script this is, or whose lock file is the nearest; else npm, which comes with Node. */
function packageManager(): keyof typeof RUN {
  if (IS_DENO) return 'deno'
  if (process.versions['bun'] !== undefined) return 'bun'
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
    if (/\/libc\.so\.6|\/libc-2\.\d+\.so/.test(maps)) return 'glibc'
    return /\/ld-musl-|\/libc\.so/.test(maps) ? 'musl' : undefined
  } catch {
    return undefined
  }
}
