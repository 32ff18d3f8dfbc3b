/** What this machine must have or allow for a test, and if it does not, why not, as a reason to skip. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { isNativeBackendAvailable } from '@pollout/backend-native'
import { place } from './places.js'

/** Debian keeps `ip` and `nft` in sbin, which is not on everybody's PATH. */
export const PATH = [process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter)

/** The command by which a program may connect neither by TCP nor to abstract names from outside. */
export const LANDLOCKED = ['python3', place('restrict/landlock.py')]

export type Requirement = 'namespace' | 'nft' | 'strace' | 'landlock'
export type BackendName = 'native' | 'net'

/** Why it can't be had here; undefined where it can. */
export function missing(...requirements: readonly Requirement[]): string | undefined {
  return requirements.map((requirement) => ASKED[requirement]()).find(Boolean)
}

/** Why this backend does not work here; undefined where it does. */
export function missingBackend(name: BackendName): string | undefined {
  if (name === 'net') return undefined
  const native = isNativeBackendAvailable()
  return native.available ? undefined : native.reason
}

/** The command that gives a program a network namespace of its own; undefined where the machine does not allow it. */
export const unshareCommand = once(() => {
  // Without a user namespace where that is allowed: in one of those not all of the kernel is to be had.
  const ways = [
    ['unshare', '--net'],
    ['unshare', '--map-root-user', '--net'],
  ]
  return ways.find((way) => succeeds(...way, 'ip', 'link', 'set', 'lo', 'up'))
})

const noNamespace = once(() => {
  const lacking = noTool('setpriv', 'unshare', 'ip')
  return lacking ?? (unshareCommand() ? undefined : 'no network namespace is allowed here')
})

const ASKED: Readonly<Record<Requirement, () => string | undefined>> = {
  namespace: noNamespace,
  nft: once(() => {
    const lacking = noNamespace() ?? noTool('nft')
    if (lacking) return lacking
    const works = succeeds(...(unshareCommand() ?? []), 'nft', 'add', 'table', 'ip', 'probe')
    return works ? undefined : 'no packet filter (nftables) in this kernel'
  }),
  strace: once(() => {
    const lacking = noTool('setpriv', 'strace')
    if (lacking) return lacking
    return succeeds('strace', '-o', '/dev/null', 'true') ? undefined : 'tracing is not allowed here'
  }),
  landlock: once(() => {
    const lacking = noTool('setpriv', 'python3')
    if (lacking) return lacking
    return succeeds(...LANDLOCKED, 'true') ? undefined : 'no Landlock (ABI 6) in this kernel'
  }),
}

function noTool(...names: readonly string[]): string | undefined {
  const absent = names.find((name) => !isProgram(name))
  return absent === undefined ? undefined : `${absent} is not installed`
}

function isProgram(name: string): boolean {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function succeeds(...command: readonly string[]): boolean {
  const [file = '', ...args] = command
  return spawnSync(file, args, { stdio: 'ignore', env: { ...process.env, PATH } }).status === 0
}

function once<T>(ask: () => T): () => T {
  let answer: { readonly is: T } | undefined
  return () => {
    answer ??= { is: ask() }
    return answer.is
  }
}
