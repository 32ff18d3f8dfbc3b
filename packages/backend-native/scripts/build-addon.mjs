// Compiles the addon where that is possible and needed. Never fails: without it there is the portable backend.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lock } from './build-lock.mjs'
import { nodeGyp } from './node-gyp.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const addon = join(root, 'build', 'Release', 'pollout.node')
const log = join(root, 'build', 'build.log')
const reasonFile = join(root, 'build', 'unavailable.txt')

/** Many times what a compile takes: beyond that another's build hangs. */
const LONGEST_WAIT_MINUTES = 10

console.log(await main())

async function main() {
  if (process.platform !== 'linux')
    return unavailable(`epoll needs Linux, this is ${process.platform}`)
  const release = await lock(root, LONGEST_WAIT_MINUTES * 60_000)
  if (release === undefined) {
    return `note: another build of the native addon has not ended within ${LONGEST_WAIT_MINUTES} minutes, and is left alone`
  }
  try {
    return build()
  } finally {
    release()
  }
}

function build() {
  if (isFresh()) return available('the native addon is up to date')
  const missing = missingTool()
  if (missing !== undefined) return unavailable(`${missing} was not found`)
  const failure = compile()
  return failure === undefined ? available('the native addon is compiled') : unavailable(failure)
}

function available(outcome) {
  rmSync(reasonFile, { force: true })
  return outcome
}

/**
 * Leaves the reason where the loader finds it, and no addon of other sources. By `note: ` the repository's build shows
 * the line, and tries again the next time.
 */
function unavailable(why) {
  rmSync(addon, { force: true })
  mkdirSync(dirname(reasonFile), { recursive: true })
  writeFileSync(reasonFile, why)
  return `note: no native backend: ${why}; the portable backend will be used`
}

/** Newer than all that it is made of, and this Node can load it: that covers architecture and libc too. */
function isFresh() {
  if (!existsSync(addon)) return false
  const sources = readdirSync(join(root, 'native'))
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => join(root, 'native', name))
  const scripts = ['build-addon.mjs', 'node-gyp.mjs'].map((name) => join(root, 'scripts', name))
  const inputs = [...sources, join(root, 'binding.gyp'), ...scripts]
  const builtAt = statSync(addon).mtimeMs
  return inputs.every((input) => statSync(input).mtimeMs < builtAt) && loadFailure() === undefined
}

/** In a process of its own: a broken addon may do worse than throw. */
function loadFailure() {
  const result = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', addon], {
    encoding: 'utf8',
  })
  if (result.status === 0) return undefined
  return (
    /^Error: (.*)$/m.exec(result.stderr)?.[1] ?? `exit status ${result.status ?? result.signal}`
  )
}

function missingTool() {
  const runs = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
  const anyOf = (what, ...commands) => (commands.some((c) => c && runs(c)) ? undefined : what)
  const { CXX, PYTHON, npm_config_python: npmPython } = process.env
  return (
    anyOf('a C++ compiler', CXX?.split(' ').at(-1), 'c++', 'g++', 'clang++') ??
    anyOf('make', process.env.MAKE, 'make') ??
    anyOf('python3', PYTHON, npmPython, 'python3', 'python')
  )
}

/** Why it could not be compiled, or undefined. */
function compile() {
  // Tests do not go into the package: with them, this is the repository.
  const strict = existsSync(join(root, 'test')) ? '1' : '0'
  let result
  try {
    result = nodeGyp(root, { POLLOUT_WERROR: strict })
  } catch {
    return 'node-gyp and node-addon-api are not installed'
  }
  const failure = result.status === 0 ? loadFailure() : 'the addon did not compile'
  if (failure === undefined) return undefined
  mkdirSync(dirname(log), { recursive: true })
  writeFileSync(log, `${result.stdout}\n${result.stderr}\n${result.error ?? ''}\n${failure}\n`)
  return `${failure} (see build/build.log)`
}
