/**
 * Compiles the addon, by nothing but a C++ compiler.
 *
 * The library asks little of where it is loaded: libstdc++ is inside, of the C library it wants no symbol that is newer
 * than GLIBC_FLOOR, and no path nor time of a build is in it, so that the same sources make the same bytes.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Of 2012: older than any that Node runs on. native/glibc_floor.h keeps to that. */
export const GLIBC_FLOOR = '2.17'

/** Compilers of the platforms that the package carries addons for, as Debian names them. */
export const TARGETS = {
  'linux-x64': 'x86_64-linux-gnu-g++',
  'linux-arm64': 'aarch64-linux-gnu-g++',
}
export const HOST = `${process.platform}-${process.arch}`

/** Of the package: what loads an addon takes none of another. */
export const { version: VERSION } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

export const DEFINES = [
  `-DPOLLOUT_VERSION="${VERSION}"`,
  '-DNAPI_VERSION=9',
  '-DNAPI_DISABLE_CPP_EXCEPTIONS',
  // In a Worker that is being terminated nothing can be thrown: no reason to abort.
  '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
]
const FLAGS = [
  '-shared',
  '-std=c++17',
  '-O3',
  '-fPIC',
  '-pthread',
  '-fno-exceptions',
  '-fno-rtti',
  '-fvisibility=hidden',
  '-fvisibility-inlines-hidden',
  // As a system's: our warnings are not about it.
  '-isystemnative/llhttp',
  '-Wall',
  '-Wextra',
  ...DEFINES,
]
/** With libstdc++ inside, less what is not used of it: native/self_contained.cc. */
const SELF_CONTAINED = [
  '-ffunction-sections',
  '-fdata-sections',
  '-static-libstdc++',
  '-static-libgcc',
  '-Wl,--version-script=native/exports.map',
  '-Wl,--gc-sections',
  '-Wl,--as-needed',
  '-Wl,--build-id=none',
  '-Wl,--strip-all',
]
const SELF_CONTAINED_SOURCE = 'self_contained.cc'

/** llhttp, which is C, and not ours: native/llhttp/README.md. */
const C_FLAGS = [
  '-c',
  '-O3',
  '-fPIC',
  '-fvisibility=hidden',
  '-ffunction-sections',
  '-fdata-sections',
]
export const C_SOURCES = ['api.c', 'http.c', 'llhttp.c'].map((name) => `native/llhttp/${name}`)

/** Folders of headers: Node's, and node-addon-api's. Throws an Error that says which is missing. */
export function headerFolders() {
  const { POLLOUT_NODE_HEADERS: given } = process.env
  // Node-API and libuv's structures are the same in all versions: Bun and Deno, which bring no headers, can take Node's.
  const places = given ? [given] : nodePrograms().map(headersBeside)
  const node = places.find((folder) =>
    ['node_api.h', 'uv.h'].every((name) => existsSync(join(folder, name))),
  )
  if (node === undefined) {
    throw new Error(
      `Node's headers are not in ${places.join(' or ')}; unpack ${process.release.headersUrl}, and name its include/node by POLLOUT_NODE_HEADERS`,
    )
  }
  try {
    // Its `include_dir` is relative to where this was started.
    return [node, dirname(require.resolve('node-addon-api/package.json'))]
  } catch {
    throw new Error('the package node-addon-api is not installed')
  }
}

/** What this runs by, and what PATH has. */
function nodePrograms() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  const found = folders.map((folder) => join(folder, 'node')).filter(existsSync)
  return [...new Set([process.execPath, ...found.map((file) => realpathSync(file))])]
}

const headersBeside = (program) => join(dirname(dirname(program)), 'include', 'node')

/** The compiler for `target`; undefined where none is installed. */
export function compilerFor(target) {
  const own = target === HOST ? [process.env.CXX, 'c++', 'g++', 'clang++'] : []
  // The platform's own first: the same one wherever the package is made.
  return [TARGETS[target], ...own].find((name) => name && runs(name))
}

const runs = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0

/**
 * To the file `output`, which is whole or as it was. Rejects with an Error that has what the compiler said.
 *
 * `instrument`: flags of a build for a sanitizer or for valgrind, which gets its libraries and symbols from this machine.
 * `strict`: warnings are errors.
 */
export async function compile(compiler, output, { instrument, strict = false } = {}) {
  const headers = headerFolders().map((folder) => `-isystem${folder}`)
  mkdirSync(dirname(output), { recursive: true })
  const folder = mkdtempSync(join(dirname(output), '.build-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    const names = readdirSync(join(root, 'native')).filter((name) => name.endsWith('.cc'))
    const sources = names.filter((name) => !instrument || name !== SELF_CONTAINED_SOURCE).sort()
    // All in one go: most of the time goes into node-addon-api's header, and each source includes that. All by names that
    // are relative to the package: no path of it is in what is made, nor has to stand a comma or a quote.
    const whole = sources.map((name) => `#include "native/${name}"\n`).join('')
    const library = join(folder, 'pollout.node')
    const objects = C_SOURCES.map((_, i) => join(folder, `${i}.o`))
    const inC = [...C_FLAGS, ...(instrument ?? [])]
    await Promise.all(
      C_SOURCES.map((source, i) => run(compiler, [...inC, '-xc', source, '-o', objects[i]], '')),
    )
    const flags = [...FLAGS, ...headers, ...(instrument ?? SELF_CONTAINED)]
    if (strict) flags.push('-Werror')
    await run(compiler, [...flags, '-xc++', '-', '-xnone', ...objects, '-o', library], whole)
    renameSync(library, output)
  } finally {
    process.off('exit', remove)
    remove()
  }
}

function run(command, args, input) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'pipe' })
    // What ends before it has read all says why.
    child.stdin.on('error', () => {}).end(input)
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
    }
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${command} ended with ${code ?? signal}:\n${text}`))
    })
  })
}
