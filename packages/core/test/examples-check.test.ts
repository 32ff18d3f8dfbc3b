/** The check of docstrings and their examples, on packages made for it: it finds what is missing and what does not compile. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/check-examples.mjs', import.meta.url))
let root: string

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pollout-examples-')))
})
afterEach(() => rmSync(root, { recursive: true }))

/** A package of one entry point, with these lines in it. */
function makePackage(name: string, lines: readonly string[], isPrivate = false): void {
  const dir = join(root, 'packages', name)
  mkdirSync(join(dir, 'src'), { recursive: true })
  const exports = { '.': { source: './src/index.ts' }, './package.json': './package.json' }
  const manifest = { name, private: isPrivate, exports }
  writeFileSync(join(dir, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(dir, 'src/index.ts'), `${lines.join('\n')}\n`)
}

function check() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, root], {
    encoding: 'utf8',
  })
  return { status, said: stdout.trim(), complaints: stderr.trim().split('\n') }
}

function documented(declaration: string, ...example: readonly string[]): string[] {
  const code = ['```ts', ...example, '```'].map((line) => ` * ${line}`)
  return ['/**', ' * What it is.', ' *', ' * @example', ...code, ' */', declaration]
}

it('finds what is missing and what does not compile, and says where', () => {
  makePackage('missing', [
    'export type Bare = 1',
    '/** What it is. */',
    'export type Plain = 1',
    '/**',
    ' * What it is.',
    ' *',
    ' * @example',
    ' * area(1)',
    ' */',
    'export type Unfenced = 1',
  ])
  makePackage('empty', ['console.log(1)'])
  makePackage('wrong', [
    ...documented('export type Side = 1', "import type { Side } from 'wrong'", 'const a: Side = 2'),
    ...documented('export type Cut = 1', "const a = 'b"),
    ...documented('export type Gone = 1', "import { area } from 'wrong'", 'area(1)'),
    ...documented('export type Idle = 1', "import type { Side } from 'wrong'"),
    ...documented('export interface Square {', 'const square = 4'),
    ...documented('  area(): number', 'const area: string = 1'),
    '}',
  ])
  const { status, complaints } = check()
  expect(status).toBe(1)
  expect(complaints).toEqual([
    'packages/empty/src/index.ts:1 empty exports nothing',
    'packages/missing/src/index.ts:1 Bare of missing has no docstring',
    'packages/missing/src/index.ts:3 Plain of missing has no @example',
    'packages/missing/src/index.ts:7 the @example has no ```ts fence',
    "packages/wrong/src/index.ts:7:10 Type '2' is not assignable to type '1'.",
    'packages/wrong/src/index.ts:16:16 Unterminated string literal.',
    "packages/wrong/src/index.ts:25:13 Module '\"wrong\"' has no exported member 'area'.",
    "packages/wrong/src/index.ts:35:4 'Side' is declared but its value is never read.",
    "packages/wrong/src/index.ts:53:10 Type 'number' is not assignable to type 'string'.",
    '9 complaints',
  ])
})

it('passes examples with names of their own, top-level await, and other packages', () => {
  makePackage('shapes', [
    ...documented(
      'export type Side = 1',
      "import type { Side } from 'shapes'",
      'const a: Side = 1',
    ),
    ...documented('export const unit = 1', "import { unit } from 'other'", 'const a = await unit'),
  ])
  makePackage('other', ["export * from '../../shapes/src/index.js'"])
  expect(check()).toMatchObject({
    status: 0,
    said: '2 public names, 2 examples, all compile',
  })
})

it('asks nothing of what is @internal, from elsewhere, or in a private package', () => {
  makePackage('shapes', [
    '/** @internal */',
    'export type Side = number',
    "export type { Buffer } from 'node:buffer'",
  ])
  makePackage('demo', ['export type Side = number'], true)
  expect(check()).toMatchObject({ status: 0, said: '0 public names, 0 examples, all compile' })
})
