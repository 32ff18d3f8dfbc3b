/** The lock of the addon's build: one has it at a time, and never a process that is gone. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { afterEach, beforeEach, expect, it } from 'vitest'

const MODULE = new URL('../scripts/build-lock.mjs', import.meta.url).href
const LONG_MS = 60_000

/** Holds it with the thread standing still, as a build does, until its input ends. */
const HOLDER = `
import { readFileSync } from 'node:fs'
const { lock } = await import('${MODULE}')
const [folder, longestWaitMs] = process.argv.slice(1)
const release = await lock(folder, Number(longestWaitMs))
console.log(release === undefined ? 'too late' : 'locked')
if (release !== undefined) readFileSync(0)
release?.()
`

let folder: string
const children: ChildProcessByStdio<Writable, Readable, null>[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

function start(longestWaitMs: number) {
  const args = ['--input-type=module', '-e', HOLDER, folder, String(longestWaitMs)]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  return { child, said: once(child.stdout.setEncoding('utf8'), 'data').then(String) }
}

it.skipIf(process.platform !== 'linux')('is waited for as long as the holder lives', async () => {
  const first = start(LONG_MS)
  expect(await first.said).toBe('locked\n')
  expect(await start(100).said).toBe('too late\n')
  const second = start(LONG_MS)
  const third = start(LONG_MS)
  first.child.kill('SIGKILL')
  const next = await Promise.race([
    second.said.then((said) => ({ said, holder: second, other: third })),
    third.said.then((said) => ({ said, holder: third, other: second })),
  ])
  expect(next.said).toBe('locked\n')
  // Whoever came second to it has it once the other has let go.
  next.holder.child.stdin.end()
  expect(await next.other.said).toBe('locked\n')
  expect(await start(100).said).toBe('too late\n')
})
