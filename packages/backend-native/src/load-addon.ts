/**
 * Finds the addon and loads it, or tells why there is none.
 *
 * The package carries one for each platform, in `prebuilds/<platform>-<arch>/pollout.node`; which one is chosen when it is
 * loaded, so that nothing has to run when it is installed. A bundler moves this file away from them: so they are looked
 * for beside the bundle too, and in the package as the bundle or the program finds that. One of another version is none.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
// biome-ignore lint/correctness/useImportExtensions: it is JSON.
import { name as PACKAGE, version as VERSION } from '../package.json'
import type { Addon } from './addon.js'

export { VERSION }

/**
 * What would make the native backend available. `build`: `node node_modules/@pollout/backend-native/scripts/build-addon.mjs`.
 * `place`: this version's `pollout.node` beside the bundle that this code is in, or named by the environment variable
 * POLLOUT_ADDON. `elsewhere`: a copy of it where files may be executed, named by POLLOUT_ADDON. `unset`: that names none, and there is another. `allow`: Node without `--no-addons`, and where there
 * is `--permission` with `--allow-addons` and an `--allow-fs-read` for the file; Deno with all that it wants.
 *
 * @example
 * ```ts
 * import { isNativeBackendAvailable, type NativeBackendRemedy } from '@pollout/backend-native'
 *
 * const native = isNativeBackendAvailable()
 * const remedy: NativeBackendRemedy | undefined = native.available ? undefined : native.remedy
 * ```
 */
export type NativeBackendRemedy = 'build' | 'place' | 'elsewhere' | 'unset' | 'allow'

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

const EVAL = /^(-p?e|-p|--eval|--print)(=|$)/
/** What Node, Bun and Deno call code that is given by an argument or by stdin: a file of that name is anybody's. */
const NO_FILE = /^(\[.*\]|\$deno\$.*|REPL\d+)$/

// Nothing is looked for there: it is by these expressions that those who copy what a program needs, as @vercel/nft does for
// Next.js, find the addons that go with this file.
if (typeof __dirname === 'string') {
  join(__dirname, '..', 'prebuilds', `${process.platform}-${process.arch}`, 'pollout.node')
} else if (typeof import.meta.url === 'string' && import.meta.url.startsWith('file:')) {
  const folder = dirname(fileURLToPath(import.meta.url))
  join(folder, '..', 'prebuilds', `${process.platform}-${process.arch}`, 'pollout.node')
}

let loaded: Loaded | undefined

/** The addon, or why there is none: a sentence without a full stop. The answer is kept, but where descriptors have run out. */
export function loadAddon(): Loaded {
  if (loaded !== undefined) return loaded
  const found = loadOrTell()
  if (found.addon === undefined && !hasFreeDescriptor()) {
    const reason = "the addon can't be looked for: no file descriptor is free (EMFILE)"
    return { ...found, reason, remedy: undefined }
  }
  loaded = found
  return loaded
}

function hasFreeDescriptor(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'))
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code !== 'EMFILE' && code !== 'ENFILE'
  }
}

/** A current folder that is gone can't be asked for, say; nor Deno for its environment, without `--allow-env`. */
function loadOrTell(): Loaded {
  try {
    return load()
  } catch (cause) {
    const { name, message } = cause as Error
    const reason = `the addon can't be looked for: ${message}`
    const remedy = name === 'NotCapable' ? 'allow' : undefined
    return { addon: undefined, reason, remedy, path: undefined, cause }
  }
}

function load(): Loaded {
  const unfit = whyUnfit()
  if (unfit !== undefined) {
    return { addon: undefined, reason: unfit, remedy: undefined, path: undefined }
  }
  const places = placesOfAddon()
  const { POLLOUT_ADDON: named } = process.env
  const found = [...places.beside, ...places.installed].find(isThere)
  const path = named ? resolve(named) : found
  if (path === undefined) return notFound(places)
  const isAnother = path !== found && found !== undefined
  // What the package's own command makes is of the package, and goes into it or to where the user says.
  const missing = places.installed.length > 0 && !places.beside.includes(path) ? 'build' : 'place'
  const remedy = isAnother ? 'unset' : missing
  if (!isThere(path)) {
    if (isForbidden(path)) return mayNotRead(path)
    const reason = `POLLOUT_ADDON is ${path}, which is not there`
    return { addon: undefined, reason, remedy, path }
  }
  if (isCutShort(path)) {
    return { addon: undefined, reason: `the addon ${path} is cut short`, remedy, path }
  }
  try {
    const module = { exports: {} as Addon }
    // Not by require(): that would take a script for one.
    process.dlopen(module, path)
    const { version } = module.exports
    if (typeof version !== 'string') throw new Error(`${path} is another addon`)
    if (version === VERSION) return { addon: module.exports, path }
    const reason = `the addon ${path} is of ${PACKAGE} ${version}, and this is ${VERSION}`
    return { addon: undefined, reason, remedy, path }
  } catch (cause) {
    const { code, name, message } = cause as NodeJS.ErrnoException
    const [line] = message.split('\n')
    // --no-addons, and --permission without --allow-addons; Deno without --allow-ffi.
    const mayNot = code === 'ERR_DLOPEN_DISABLED' || name === 'NotCapable'
    // As dlerror(3) tells of a mount with `noexec`.
    const mayNotRun = line?.includes('failed to map segment')
    const helps = mayNot ? 'allow' : mayNotRun ? 'elsewhere' : remedy
    const reason = `the addon does not load: ${line}`
    return { addon: undefined, reason, remedy: helps, path, cause }
  }
}

/** elf(5), e_ident: of 64 bits, and the lowest byte first, as on all machines that there are addons for. */
const ELF_64_LITTLE = Buffer.from('\x7fELF\x02\x01', 'latin1')

/**
 * Whether a file ends before what its header says, whose table of sections is the last thing in it. To map it would be SIGBUS
 * and no error. Of other machines' files, which a user may have compiled, nothing is known.
 */
function isCutShort(path: string): boolean {
  const header = Buffer.alloc(64)
  try {
    const file = openSync(path, 'r')
    try {
      if (readSync(file, header) < header.length) return false
      if (!header.subarray(0, ELF_64_LITTLE.length).equals(ELF_64_LITTLE)) return false
      const sections = header.readUInt16LE(0x3a) * header.readUInt16LE(0x3c)
      return BigInt(fstatSync(file).size) < header.readBigUInt64LE(0x28) + BigInt(sections)
    } finally {
      closeSync(file)
    }
  } catch {
    // What may not be read, dlopen(3) tells of.
    return false
  }
}

/** Under a permission model existsSync() throws where it may not look: so it looks as if nothing were there. */
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
function ownFiles(): string[] {
  const { url } = import.meta
  const given = [
    typeof url === 'string' && url.startsWith('file:') ? fileURLToPath(url) : undefined,
    typeof __filename === 'string' && isAbsolute(__filename) ? __filename : undefined,
  ]
  const own = [...new Set(given.filter((file) => file !== undefined))].filter(isFile)
  // What Bun has made one executable of is in no folder.
  if (own.some((file) => file.startsWith('/$bunfs/'))) return [process.execPath]
  const [, started = ''] = process.argv
  // Of code that is given by -e or by stdin it is the first argument.
  const isProgram =
    isAbsolute(started) && isFile(started) && !process.execArgv.some((flag) => EVAL.test(flag))
  return isProgram && !own.some(isThere) ? [...own, started] : own
}

function isFile(path: string): boolean {
  return !NO_FILE.test(basename(path))
}

interface Places {
  /** This code's own files. */
  readonly files: readonly string[]
  /** A bundle's addon. */
  readonly beside: readonly string[]
  /** In this version of the package, as one of these files finds it. */
  readonly installed: readonly string[]
}

function placesOfAddon(): Places {
  const files = ownFiles()
  const roots = files.flatMap((file) => rootFrom(file) ?? rootAround(file) ?? [])
  return {
    files,
    beside: files.map((file) => join(dirname(file), FILE)),
    installed: [...new Set(roots)].map((root) => join(root, PLACE)),
  }
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

/** By its name alone, where package.json may not be read. Not as webpack tells it: there is no such file, or Node may not read it. */
function rootAround(file: string): string | undefined {
  const folder = dirname(file)
  const root = dirname(folder)
  // Deno has loaded it without asking for a permission.
  const isOwn = isThere(file) || process.versions['deno'] !== undefined
  const isNamed = folder.endsWith(`/${PACKAGE}/dist`)
  return isOwn && isNamed && isForbidden(join(root, 'package.json')) ? root : undefined
}

function notFound({ files, beside, installed }: Places): Unavailable {
  const [path] = installed
  if (path !== undefined) {
    if (isForbidden(path)) return mayNotRead(path)
    // Those who copy what a program needs may leave out both.
    const builder = join(dirname(dirname(dirname(path))), 'scripts', 'build-addon.mjs')
    const reason = `the package has no addon for ${PLATFORM}`
    return isThere(builder)
      ? { addon: undefined, reason, remedy: 'build', path }
      : {
          addon: undefined,
          reason: 'the package was copied without its addon',
          remedy: 'place',
          path,
        }
  }
  const place = beside.at(-1)
  const missing = place ? `no addon stands beside ${files.at(-1)}` : 'this code is in no file'
  const first = place && isForbidden(place) ? mayNotRead(place).reason : missing
  const reason = `${first}, and no ${PACKAGE} ${VERSION} is installed there`
  return { addon: undefined, reason, remedy: 'place', path: place }
}

function mayNotRead(path: string): Unavailable {
  const reason = `this process may not read ${path}`
  return { addon: undefined, reason, remedy: 'allow', path }
}
