/** Puts what an author of a backend reads into docs/ of this package, which is packed with it: the repository is not at hand there. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const repository = dirname(dirname(root))
const into = join(root, 'docs')

/** Where each stands in the repository; the name is kept. */
const FILES = [
  'docs/writing-a-backend.md',
  'docs/semantics.md',
  'packages/core/src/backend/backend.ts',
  'packages/core/src/backend/bulk.ts',
  'packages/core/src/backend/exchange.ts',
  'packages/examples/07-a-backend.ts',
  'packages/backend-net/test/conformance.test.ts',
  'packages/backend-net/test/subject.ts',
]
const nameOf = (path) => path.split('/').at(-1)

rmSync(into, { recursive: true, force: true })
mkdirSync(into)
for (const path of FILES) {
  const text = readFileSync(join(repository, path), 'utf8')
  writeFileSync(
    join(into, nameOf(path)),
    path.endsWith('.md') ? besideEachOther(text) : fromThePackage(text),
  )
}

/** What core imports of its own files, all others import of core. */
function fromThePackage(text) {
  return text.replace(
    / from '\.\/(address|bulk|errno|readiness|socket-options)\.js'/g,
    " from '@pollout/core'",
  )
}

/** Links to files that come along lead to them; of others, the text is left. */
function besideEachOther(text) {
  const names = new Set(FILES.map(nameOf))
  const linked = text.replace(
    /\[([^\]]+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)/g,
    (_, said, to, part = '') => (names.has(nameOf(to)) ? `[${said}](${nameOf(to)}${part})` : said),
  )
  return FILES.reduce((all, path) => all.replaceAll(path, nameOf(path)), linked)
}
