/** The documents name what is there: files, functions, and the places that their links lead to. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

/** Sources of all packages, by path below `packages/`. */
function sources(folder = join(root, 'packages')): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', 'build'].includes(entry.name)) return []
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.(ts|mjs|cc|h|c)$/.test(entry.name) ? [path] : []
  })
}

const files = sources()
const text = files.map((file) => readFileSync(file, 'utf8')).join('\n')

describe.each(documents)('%s', (name) => {
  const document = readFileSync(join(root, name), 'utf8')
  const spans = [...document.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code ?? '')

  it('links to what is there', () => {
    const links = [...document.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link ?? '')
    const local = links.filter((link) => !/^https?:/.test(link))
    expect(local.filter((link) => !existsSync(resolve(root, dirname(name), link)))).toEqual([])
  })

  it('names files that exist', () => {
    const named = spans.filter((code) => /^[\w./-]+\.(ts|mjs|cc|h)$/.test(code))
    const missing = named.filter(
      (code) => !files.some((file) => file.endsWith(`/${code}`)) && !existsSync(join(root, code)),
    )
    expect(missing).toEqual([])
  })

  it('names functions that exist', () => {
    // In bold: `ConnectRequest.#settle`, `Poller::Arm`, `connectFailure`. The last part is the function's own name.
    const bold = [...document.matchAll(/\*\*`([\w.#:]+)(?:\([^`]*\))?`\*\*/g)].map(
      ([, n]) => n ?? '',
    )
    const own = bold.map((code) => code.split(/[.:]+/).at(-1) ?? '')
    const missing = own.filter(
      (code) => !new RegExp(`(^|\\W)${code.replace('#', '#?')}\\b`).test(text),
    )
    expect(missing).toEqual([])
  })
})

it('docs/architecture.md traces its connect by name', () => {
  const bold = readFileSync(join(root, 'docs/architecture.md'), 'utf8').match(/\*\*`[^`]+`\*\*/g)
  expect(bold?.length).toBeGreaterThan(30)
})
