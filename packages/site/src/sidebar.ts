/** What stands beside the pages: by hand for those that were written, by their folders for the API reference. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DefaultTheme } from 'vitepress'
import { ROOT } from './places.js'

type Item = DefaultTheme.SidebarItem

const REFERENCE = join(ROOT, 'docs/api')

const KINDS = new Set(['classes', 'functions', 'interfaces', 'type-aliases', 'variables'])

const page = (text: string, link: string): Item => ({ text, link })

export const SIDEBAR: DefaultTheme.Sidebar = {
  '/': [
    {
      text: 'Guides',
      items: [
        page('A client of your own', '/guides/custom-client'),
        page('A fan-out', '/guides/fan-out'),
        page('Measuring a server', '/guides/measuring'),
        page('Writing a backend', '/writing-a-backend'),
      ],
    },
    {
      text: 'Why, and why not',
      items: [
        page('Why not node:net, undici, nmap?', '/why'),
        page('What was measured', '/figures'),
        page('Known limits', '/limits'),
      ],
    },
    {
      text: 'How it behaves',
      items: [
        page('What connect() means here', '/semantics'),
        page('What each backend can do', '/capabilities'),
        page('How it is built', '/architecture'),
        page('Decisions', '/decisions'),
      ],
    },
    {
      text: 'Packages',
      items: [
        page('pollout, and the command', '/packages/pollout'),
        page('@pollout/load', '/packages/load'),
        page('@pollout/framing', '/packages/framing'),
        page('@pollout/adapters', '/packages/adapters'),
        page('@pollout/testing', '/packages/testing'),
        page('@pollout/core', '/packages/core'),
        page('@pollout/backend-native', '/packages/backend-native'),
        page('@pollout/backend-net', '/packages/backend-net'),
        page('@pollout/conformance', '/packages/conformance'),
        page('The benchmark', '/packages/bench'),
      ],
    },
    {
      text: 'The project',
      items: [
        page('API reference', '/api/'),
        page('Changelog', '/changelog'),
        page('Working on it', '/contributing'),
      ],
    },
  ],
  ...referenceSidebars(),
}

/** One for each entry point, of its own names: with those of all, a page would be mostly sidebar. */
function referenceSidebars(): DefaultTheme.SidebarMulti {
  const names = entryPoints(REFERENCE, '').sort((a, b) => rank(a) - rank(b))
  const sidebar = (open?: string): Item[] => [
    page('API reference', '/api/'),
    ...names.map((name) => {
      const item = page(name, `/api/${name}/`)
      return name === open ? { ...item, items: kindsOf(name) } : item
    }),
    page('Back to the guides', '/guides/custom-client'),
  ]
  const own = names.map((name) => [`/api/${name}/`, sidebar(name)])
  return { '/api/': sidebar(), ...Object.fromEntries(own) }
}

/** What most look for comes first, and the many adapters last. */
function rank(name: string): number {
  if (name === 'pollout') return 0
  if (name === '@pollout/core') return 1
  return name.startsWith('@pollout/adapters') ? 3 : 2
}

/** An entry point is a folder with a page, and with folders of its kinds of names: `functions`, `classes`. */
function entryPoints(folder: string, path: string): string[] {
  return foldersIn(folder)
    .filter((name) => !KINDS.has(name))
    .flatMap((name) => {
      const own = join(folder, name)
      const deeper = entryPoints(own, `${path}${name}/`)
      return existsSync(join(own, 'index.md')) ? [path + name, ...deeper] : deeper
    })
}

function kindsOf(name: string): Item[] {
  const folder = join(REFERENCE, name)
  return foldersIn(folder)
    .filter((kind) => KINDS.has(kind))
    .map((kind) => ({
      text: kind.replace('-', ' '),
      collapsed: false,
      items: pagesIn(join(folder, kind)).map((each) => page(each, `/api/${name}/${kind}/${each}`)),
    }))
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

function pagesIn(folder: string): string[] {
  return readdirSync(folder)
    .map((name) => name.replace(/\.md$/, ''))
    .sort((a, b) => a.localeCompare(b, 'en'))
}
