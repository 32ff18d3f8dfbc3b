/** Tools that npm brings are there once, whoever wants them at the same time. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runProgram } from '../src/managers.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-tools-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const SCRIPT = new URL('../../../scripts/tools.mjs', import.meta.url).href
const WANT = `
import { toolFolder } from '${SCRIPT}'
console.log(await toolFolder('@some/tool@1', process.argv[1]))
`

it('two at once install it once, and where that failed it is tried again', async () => {
  const programs = join(folder, 'programs')
  mkdirSync(programs)
  // Fails where another runs, and the first time.
  const npm = `#!/bin/sh
echo "$@" >> "${folder}/calls"
mkdir "${folder}/running" || exit 1
sleep 0.3
rmdir "${folder}/running"
[ -e "${folder}/again" ] || { touch "${folder}/again"; exit 1; }
`
  writeFileSync(join(programs, 'npm'), npm, { mode: 0o755 })
  const path = [programs, process.env['PATH']].join(delimiter)
  const how = { folder, registry: '', scripts: 'blocked', path } as const
  const want = () =>
    runProgram(process.execPath, ['--input-type=module', '-e', WANT, join(folder, 'tools')], how)
  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')

  const failed = await want()
  expect([failed.code, calls().length]).toEqual([1, 1])
  expect(failed.stderr).toContain("@some/tool@1 can't be had")
  const ran = await Promise.all([want(), want(), want()])
  const modules = join(folder, 'tools/@some+tool@1/node_modules')
  for (const { code, stdout } of ran) expect([code, stdout.trim()]).toEqual([0, modules])
  expect(calls().length).toBe(2)
})
