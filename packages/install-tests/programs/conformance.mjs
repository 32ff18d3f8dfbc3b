/**
 * The conformance suite on the installed native backend, for a runtime that can't run Vitest: tests one after the other. It
 * prints the errors of those that failed and the times of the slow ones, and last a line of JSON with the counts. Tests
 * whose names do not match the first argument are left out.
 */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nativeBackend } from '@pollout/backend-native'
import { describeBackend, realWorld } from '@pollout/conformance'

// Under an emulator, what starts this Node: by itself it can't be executed.
const { POLLOUT_EXEC_PATH } = process.env
if (POLLOUT_EXEC_PATH) process.execPath = POLLOUT_EXEC_PATH

const wanted = new RegExp(process.argv[2] ?? '')
const PATIENCE_MS = 60_000
const SLOW_MS = 1_000

class Skipped extends Error {}

// What nobody has caught is the fault of the test that runs.
let uncaught
for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error) => {
    uncaught ??= error
  })
}

const suite = newSuite('')
let current = suite

function newSuite(name) {
  return { name, before: [], after: [], parts: [] }
}

function describe(name, define) {
  const outer = current
  current = newSuite(outer.name === '' ? name : `${outer.name} > ${name}`)
  outer.parts.push(current)
  define()
  current = outer
}

const counts = { passed: 0, failed: 0, skipped: 0 }
const failures = []

function fail(name, error) {
  counts.failed++
  failures.push(name)
  console.error(`FAILED ${name}\n${error?.stack ?? error}`)
}

async function runSuite({ name, before, after, parts }) {
  for (const each of before) await each()
  for (const part of parts) {
    if (part.run === undefined) await runSuite(part)
    else if (wanted.test(`${name} > ${part.name}`))
      await runTest(`${name} > ${part.name}`, part.run)
  }
  for (const each of after) await each()
}

async function runTest(name, run) {
  uncaught = undefined
  const startedAt = performance.now()
  let timer
  const patience = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('it took too long')), PATIENCE_MS)
  })
  const skip = (reason) => {
    throw new Skipped(reason)
  }
  try {
    await Promise.race([run({ skip }), patience])
    if (uncaught !== undefined) throw uncaught
    counts.passed++
  } catch (error) {
    if (error instanceof Skipped) counts.skipped++
    else fail(name, error)
  } finally {
    clearTimeout(timer)
    const tookMs = performance.now() - startedAt
    if (tookMs > SLOW_MS) console.error(`${Math.round(tookMs)} ms: ${name}`)
  }
}

describeBackend({
  name: 'native',
  backend: nativeBackend(),
  world: realWorld(),
  module: {
    directory: dirname(fileURLToPath(import.meta.url)),
    specifier: '@pollout/backend-native',
    name: 'nativeBackend',
  },
  test: {
    describe,
    it: (name, run) => current.parts.push({ name, run }),
    beforeAll: (run) => current.before.push(run),
    afterAll: (run) => current.after.push(run),
  },
})

await runSuite(suite)
console.log(JSON.stringify({ ...counts, failures }))
process.exit(counts.failed > 0 ? 1 : 0)
