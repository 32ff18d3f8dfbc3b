/**
 * Checks the addons that the package carries: that a build in another folder makes the same bytes, that they ask for nothing
 * newer than GLIBC_FLOOR and for no other library, that musl loads this machine's too, and that they are small.
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compilerFor, GLIBC_FLOOR, HOST, TARGETS } from './compile.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const MOST_BYTES = 400_000
/** The dynamic linker is one where a symbol of its own is asked for. */
const LIBRARIES = /^(libc\.so\.6|ld-linux-\S+)$/

const LOADING_PROGRAM = `
#include <dlfcn.h>
#include <stdio.h>
int main(int count, char **arguments) {
  void *addon = count == 2 ? dlopen(arguments[1], RTLD_NOW) : NULL;
  if (addon != NULL && dlsym(addon, "napi_register_module_v1") != NULL) return 0;
  puts(dlerror());
  return 1;
}
`

/** Where a release is made, and where it is tried, what can't be checked is a fault. */
const isCI = Boolean(process.env.CI)

for (const target of Object.keys(TARGETS)) {
  const faults = await check(target)
  for (const fault of faults) console.log(`${target}: ${fault}`)
  if (faults.length > 0) process.exitCode = 1
}

async function check(target) {
  if (compilerFor(target) === undefined) {
    return unchecked(`${target} is not checked: ${TARGETS[target]} is not installed`)
  }
  const build = [join(root, 'scripts', 'build-addon.mjs'), '--target', target]
  if (spawnSync(process.execPath, build, { stdio: 'inherit' }).status !== 0) return ['not built']
  const addon = join(root, 'prebuilds', target, 'pollout.node')
  const again = await buildElsewhere(target)
  const size = statSync(addon).size
  const { libraries, versions, functions } = wantsOf(addon)
  return [
    ...(readFileSync(addon).equals(again) ? [] : ['another build of the same sources differs']),
    ...(size > MOST_BYTES ? [`${size} bytes are more than ${MOST_BYTES}`] : []),
    ...libraries.filter((name) => !LIBRARIES.test(name)).map((name) => `wants ${name}`),
    ...versions.filter(isTooNew).map((version) => `wants ${version}`),
    ...(target === HOST ? muslFaults(addon, functions) : []),
  ]
}

/** A note, which scripts/check.mjs shows; a fault in CI. */
function unchecked(why) {
  if (isCI) return [why]
  console.log(`note: ${why}`)
  return []
}

/** The bytes that the sources make in a folder of another name, which has all that means something to a shell or a linker. */
async function buildElsewhere(target) {
  const folder = mkdtempSync(join(tmpdir(), `pollout-addon-a, b 'c' "$d" ü\n=%-`))
  try {
    for (const part of ['native', 'scripts', 'package.json']) {
      cpSync(join(root, part), join(folder, part), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const { compile, compilerFor } = await import(
      pathToFileURL(join(folder, 'scripts', 'compile.mjs')).href
    )
    const output = join(folder, 'pollout.node')
    await compile(compilerFor(target), output)
    return readFileSync(output)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function wantsOf(addon) {
  const { stdout, status } = spawnSync('readelf', ['-W', '-d', '--dyn-syms', addon], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error('readelf failed')
  const libraries = [...stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name)
  const versions = [...stdout.matchAll(/ UND (\S+@\S+)/g)].map(([, name]) => name)
  const functions = [...stdout.matchAll(/ UND (napi_\w+|node_api_\w+)$/gm)].map(([, name]) => name)
  if (libraries.length === 0 || functions.length === 0 || versions.length === 0)
    throw new Error('readelf says nothing')
  return { libraries, versions, functions }
}

/** `pthread_create@GLIBC_2.34` */
function isTooNew(symbol) {
  const [, library, version] = /@+([A-Z_]+)_([\d.]+)$/.exec(symbol) ?? []
  if (library !== 'GLIBC') return true
  const [given, floor] = [version, GLIBC_FLOOR].map((text) => text.split('.').map(Number))
  return given[0] > floor[0] || (given[0] === floor[0] && given[1] > floor[1])
}

/**
 * musl takes `libc.so.6` for itself and looks at no versions (ldso/dynlink.c), so what counts is whether it has all the
 * symbols. A program stands in for the runtime, with functions of these names.
 */
function muslFaults(addon, functions) {
  const compiler = 'musl-gcc'
  if (spawnSync(compiler, ['--version'], { stdio: 'ignore' }).status !== 0) {
    return unchecked(`whether musl loads it is not checked: ${compiler} is not installed`)
  }
  const folder = mkdtempSync(join(tmpdir(), 'pollout-musl-'))
  try {
    const [source, program] = [join(folder, 'runtime.c'), join(folder, 'runtime')]
    const stubs = functions.map((name) => `void ${name}(void) {}\n`).join('')
    writeFileSync(source, stubs + LOADING_PROGRAM)
    const steps = [
      [compiler, '-rdynamic', '-o', program, source],
      [program, addon],
    ]
    for (const [command, ...args] of steps) {
      const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
      if (status !== 0) return [`musl does not load it: ${stdout}${stderr}`]
    }
    return []
  } finally {
    rmSync(folder, { recursive: true })
  }
}
