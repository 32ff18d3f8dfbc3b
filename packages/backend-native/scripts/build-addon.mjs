/**
 * Compiles the addon to `prebuilds/<platform>-<arch>/pollout.node`, where the package looks for it.
 *
 *   build-addon.mjs            for this machine; where that can't be, a note says why, and the portable backend is used
 *   build-addon.mjs --require  the same, and fails where that can't be
 *   build-addon.mjs --output FILE   to FILE, or fails: name it by POLLOUT_ADDON
 *   build-addon.mjs --target linux-arm64 ...   for these platforms, or fails
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { lock } from './build-lock.mjs'
import { compile, compilerFor, HOST, TARGETS, VERSION } from './compile.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
/** Tests do not go into the package: with them, this is the repository, and a warning is an error. */
const strict = existsSync(join(root, 'test'))

/** Many times what a compile takes: beyond that another's build hangs. */
const LONGEST_WAIT_MINUTES = 10

/** As Node, Bun and Deno take it by `-e`. */
const LOADING = `const loaded = { exports: {} }
try {
  process.dlopen(loaded, process.argv.at(-1))
  const { version } = loaded.exports
  if (version !== '${VERSION}') throw new Error('it is of version ' + version)
} catch (error) {
  console.log(error.message)
}`

const USAGE = 'build-addon.mjs [--require | --output FILE | --target linux-x64 ...]'

const values = parsed()
if (values.help) {
  console.log(USAGE)
  process.exit()
}
// What is being made goes with the process: compile.mjs.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]))
}
const { output: named, target: targets = [HOST] } = values
const mayFail = !values.require && named === undefined && values.target === undefined
const release = await lock(root, LONGEST_WAIT_MINUTES * 60_000)
try {
  if (release === undefined) {
    throw new Error(`another build has not ended within ${LONGEST_WAIT_MINUTES} minutes`)
  }
  for (const target of targets) await build(target)
} catch (error) {
  if (!mayFail) {
    console.error(`the native addon could not be built: ${error.message}`)
    process.exitCode = 1
  } else {
    // By `note: ` the repository's build shows the line, and tries again the next time.
    const [first] = error.message.split('\n')
    console.log(`note: no native backend: ${first}; the portable backend will be used`)
    if (first !== error.message) console.log(error.message)
  }
} finally {
  release?.()
}

function parsed() {
  const options = {
    require: { type: 'boolean', default: false },
    output: { type: 'string' },
    target: { type: 'string', multiple: true },
    help: { type: 'boolean', short: 'h', default: false },
  }
  try {
    return parseArgs({ options }).values
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`)
    process.exit(2)
  }
}

async function build(target) {
  if (!target.startsWith('linux-'))
    throw new Error(`epoll needs Linux, this is ${process.platform}`)
  const output = resolve(named ?? join(root, 'prebuilds', target, 'pollout.node'))
  if (statSync(output, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`${output} is a folder`)
  }
  if (named === undefined && isFresh(output, target)) {
    console.log(`${target}: up to date`)
    return
  }
  // No addon of other sources, where this one does not come to be. A user's stays until there is another.
  if (strict && named === undefined) rmSync(output, { force: true })
  const compiler = compilerFor(target)
  if (compiler === undefined) {
    const wanted =
      target === HOST
        ? 'install one: apt-get install g++, dnf install gcc-c++, or apk add g++; or name it by CXX'
        : TARGETS[target]
    throw new Error(`there is no C++ compiler for ${target}; ${wanted}`)
  }
  const made = `${output}.made`
  try {
    await compile(compiler, made, { strict })
    const failure = target === HOST ? loadFailure(made) : undefined
    if (failure !== undefined) throw new Error(`it was compiled and does not load: ${failure}`)
    renameSync(made, output)
  } finally {
    rmSync(made, { force: true })
  }
  console.log(`${target}: compiled, ${statSync(output).size} bytes${named ? ` in ${output}` : ''}`)
}

/** It loads, where that can be tried; and here, where sources change, it is newer than all that it is made of. */
function isFresh(addon, target) {
  if (!existsSync(addon)) return false
  // An installed file has the time of its installation.
  if (!strict) return target === HOST && loadFailure(addon) === undefined
  const folders = { native: /\.(cc|h)$/, scripts: /^(build-addon|compile)\.mjs$/ }
  const sources = Object.entries(folders).flatMap(([folder, wanted]) =>
    readdirSync(join(root, folder))
      .filter((name) => wanted.test(name))
      .map((name) => join(root, folder, name)),
  )
  // The version is in it.
  const inputs = [...sources, join(root, 'package.json')]
  const builtAt = statSync(addon).mtimeMs
  if (!inputs.every((input) => statSync(input).mtimeMs < builtAt)) return false
  return target !== HOST || loadFailure(addon) === undefined
}

/** In a process of its own: a broken addon may do worse than throw. */
function loadFailure(addon) {
  const { status, signal, stdout } = spawnSync(process.execPath, ['-e', LOADING, addon], {
    encoding: 'utf8',
  })
  if (status !== 0) return `exit status ${status ?? signal}`
  return stdout.trim() || undefined
}
