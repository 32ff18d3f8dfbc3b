/**
 * Finds the addon and loads it, or tells why there is none.
 *
 * The package carries one for each platform, in `prebuilds/<platform>-<arch>/pollout.node`; which one is chosen when it is
 * loaded, so that nothing has to run when it is installed. A bundler moves this file away from them: so they are looked
 * for beside the bundle too, and in the package as the bundle, the program or the current folder finds that.
 */
import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
// biome-ignore lint/correctness/useImportExtensions: it is JSON.
import { name as PACKAGE, version as VERSION } from '../package.json'
import type { Addon } from './addon.js'

/**
 * What would make the native backend available. `build`: `node node_modules/@pollout/backend-native/scripts/build-addon.mjs`.
 * `place`: a `pollout.node` beside the bundle that this code is in, or named by the environment variable POLLOUT_ADDON.
 * `unset`: POLLOUT_ADDON names none, and there is another. `allow-addons`: Node without `--no-addons`, and with
 * `--allow-addons` where there is `--permission`; Deno with `--allow-ffi`. `allow-read`: Node's `--allow-fs-read` for it.
 *
 * @example
 * ```ts
 * import { isNativeBackendAvailable, type NativeBackendRemedy } from '@pollout/backend-native'
 *
 * const native = isNativeBackendAvailable()
 * const remedy: NativeBackendRemedy | undefined = native.available ? undefined : native.remedy
 * ```
 */
export type NativeBackendRemedy = 'build' | 'place' | 'unset' | 'allow-addons' | 'allow-read'

export type Loaded = { readonly addon: Addon; readonly path: string } | Unavailable

interface Unavailable {
  readonly addon: undefined
  readonly reason: string
  /** Undefined where nothing would. */
  readonly remedy: NativeBackendRemedy | undefined
  /** The file that does not load, or where one was looked for first. */
  readonly path: string | undefined
  readonly cause?: unknown
}

// Not imported: of an imported one, webpack takes the calls for its own and leaves out those that it can't follow.
const { createRequire } = process.getBuiltinModule('node:module')

const FILE = 'pollout.node'
const PLATFORM = `${process.platform}-${process.arch}`
const PLACE = join('prebuilds', PLATFORM, FILE)

let loaded: Loaded | undefined

/** The addon, or why there is none: a sentence without a full stop. The answer is kept. */
export function loadAddon(): Loaded {
  loaded ??= loadOrTell()
  return loaded
}

/** A current folder that is gone can't be asked for, say. */
function loadOrTell(): Loaded {
  try {
    return load()
  } catch (cause) {
    const reason = `the addon can't be looked for: ${(cause as Error).message}`
    return { addon: undefined, reason, remedy: undefined, path: undefined, cause }
  }
}

function load(): Loaded {
  const unfit = whyUnfit()
  if (unfit !== undefined) {
    return { addon: undefined, reason: unfit, remedy: undefined, path: undefined }
  }
  const { POLLOUT_ADDON: named } = process.env
  const found = findAddon()
  const path = named ? resolve(named) : found
  if (path === undefined) return notFound()
  const isAnother = path !== found && found !== undefined
  if (!isThere(path)) {
    const reason = `POLLOUT_ADDON is ${path}, which is not there`
    return { ...notFound(), reason, ...(isAnother ? { remedy: 'unset' } : {}), path }
  }
  try {
    const module = { exports: {} as Addon }
    // Not by require(): that would take a script for one.
    process.dlopen(module, path)
    if (typeof module.exports.monotonicMs !== 'function')
      throw new Error(`${path} is another addon`)
    return { addon: module.exports, path }
  } catch (cause) {
    const { code, name, message } = cause as NodeJS.ErrnoException
    const [line] = message.split('\n')
    // --no-addons, and --permission without --allow-addons; Deno without --allow-ffi.
    const isForbidden = code === 'ERR_DLOPEN_DISABLED' || name === 'NotCapable'
    const missing = named || path.endsWith(PLACE) ? 'build' : 'place'
    const remedy = isForbidden ? 'allow-addons' : isAnother ? 'unset' : missing
    return { addon: undefined, reason: `the addon does not load: ${line}`, remedy, path, cause }
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

/** What no addon can help. */
function whyUnfit(): string | undefined {
  if (process.platform !== 'linux') return `epoll needs Linux, and this is ${process.platform}`
  return undefined
}

/**
 * Files that this code may stand in: the package's own, or a bundle. Of a bundle some bundlers tell where its parts were
 * before, so that only the program is left to ask; and `__filename` is a global one, and no file, in what was given to
 * `node -e`. Never the current folder: anybody's may be that.
 */
function places(): string[] {
  const { url } = import.meta
  const given = [
    typeof url === 'string' && url.startsWith('file:') ? fileURLToPath(url) : undefined,
    typeof __filename === 'string' && isAbsolute(__filename) ? __filename : undefined,
  ]
  const own = [...new Set(given.filter((file) => file !== undefined))]
  // What Bun has made one executable of is in no folder.
  if (own.some((file) => file.startsWith('/$bunfs/'))) return [process.execPath]
  const [, started] = process.argv
  return started === undefined || own.some(isThere) ? own : [...own, started]
}

/** Beside a bundle, or in this version of the package as one of these files finds it. */
function findAddon(): string | undefined {
  const files = places()
  const beside = files.map((file) => join(dirname(file), FILE))
  const installed = files.flatMap((file) => rootFrom(file) ?? []).map((root) => join(root, PLACE))
  return [...beside, ...installed].find(isThere)
}

function rootFrom(base: string): string | undefined {
  const require = createRequire(base)
  // With pnpm and Yarn a program sees what it depends on itself, which is `pollout`.
  for (const through of [undefined, 'pollout/package.json']) {
    try {
      const from = through === undefined ? require : createRequire(require.resolve(through))
      const path = from.resolve(`${PACKAGE}/package.json`)
      if (from(path).version === VERSION) return dirname(path)
    } catch {
      // Not installed there.
    }
  }
  return undefined
}

function notFound(): Unavailable {
  const files = places()
  const unavailable = {
    addon: undefined,
    path: files[0] && join(dirname(dirname(files[0])), PLACE),
  }
  // What may not be read looks as if it were not there.
  if (unavailable.path && process.permission?.has('fs.read', unavailable.path) === false) {
    const reason = `${unavailable.path} may not be read under Node's permission model`
    return { ...unavailable, reason, remedy: 'allow-read' }
  }
  // Of the package itself, and of no bundle: its sources are there.
  const isPackage = files.some((file) =>
    isThere(join(dirname(dirname(file)), 'native', 'addon.cc')),
  )
  return isPackage
    ? { ...unavailable, reason: `the package has no addon for ${PLATFORM}`, remedy: 'build' }
    : {
        ...unavailable,
        reason: `no addon stands beside ${files.at(-1)}, and no ${PACKAGE} ${VERSION} is installed there`,
        remedy: 'place',
      }
}
