/** The site, made by VitePress of the Markdown files in docs/ and in the packages. All it needs is in it: it asks no other host. */
import { defineConfig } from 'vitepress'
import { anchorOf, repositoryLinks } from '../src/links.js'
import { addressOf, pageOf } from '../src/places.js'
import { SIDEBAR } from '../src/sidebar.js'

/** One socket of many that has become writable. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7"
  fill="#0f766e"/><g fill="#fff"><circle cx="9" cy="16" r="3" opacity=".5"/><circle cx="16" cy="16" r="3" opacity=".5"/><circle
  cx="23" cy="16" r="5"/></g></svg>`

export default defineConfig({
  title: 'pollout',
  description:
    'Open very many connections from Node.js, fast, with the loop free and every outcome true.',
  lang: 'en',
  cleanUrls: true,
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
  srcDir: '../..',
  // What is no page: whatever `pageOf` knows nothing of would be one otherwise.
  srcExclude: ['README.md', '.github/**', 'packages/*/!(README|index).md', 'packages/*/*/**'],
  rewrites: (file) => pageOf(file) ?? file,
  outDir: './dist',
  cacheDir: './.cache',
  metaChunk: true,
  // The search's index, which comes with the first search.
  vite: { build: { chunkSizeWarningLimit: 4_000 } },
  markdown: {
    anchor: { slugify: anchorOf },
    config: (md) => {
      md.use(repositoryLinks)
    },
  },
  themeConfig: {
    nav: [
      {
        text: 'Guides',
        link: '/guides/custom-client',
        activeMatch: '^/(guides/|writing-a-backend)',
      },
      { text: 'Why', link: '/why', activeMatch: '^/(why|figures|limits)' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
    ],
    sidebar: SIDEBAR,
    outline: { level: [2, 3] },
    search: {
      provider: 'local',
      options: {
        miniSearch: {
          options: { processTerm },
          searchOptions: { boostDocument, prefix, fuzzy, combineWith: 'AND' },
        },
      },
    },
    socialLinks: [{ icon: 'github', link: addressOf('', 'tree') }],
    externalLinkIcon: false,
    docFooter: { prev: false, next: false },
  },
})

// The browser has these four as text, each alone: they can use nothing that stands outside of them.

/** Guides before the rest, and last what speaks of everything: the reference, records, the log. */
function boostDocument(id: string, term: string): number {
  if (id.startsWith('/guides/')) return 4
  // But the page of a name that was asked for by that name.
  if (id.startsWith('/api/') && id.toLowerCase().endsWith(`/${term}`)) return 8
  return /^\/(api|decisions|changelog)\b/i.test(id) ? 0.25 : 1
}

/** Nothing of words that are on every page: they would also be found, and marked, within other words. */
function processTerm(term: string): string | undefined {
  const word = term.toLowerCase()
  return /^(an?|and|are|as|at|be|by|do|for|from|how|i|if|in|is|it|its|of|on|or|so|that|the|to|what|where|with)$/.test(
    word,
  )
    ? undefined
    : word
}

/** Whether a word may be the beginning of one. */
function prefix(term: string): boolean {
  return term.length > 2
}

/** How much of a word may be other letters. */
function fuzzy(term: string): number | boolean {
  return term.length > 4 && 0.2
}
