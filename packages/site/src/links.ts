/**
 * Links between the Markdown files, which are written for who reads them in the repository, made to lead to pages of the site.
 *
 * A link to a page leads there; one to any other file leads to the repository; one to a file that is not there ends the build.
 */
import { statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'
import { addressOf, pageOf, ROOT } from './places.js'

const ELSEWHERE = /^([a-z][a-z0-9+.-]*:|\/\/|#)/i

export function repositoryLinks(md: MarkdownRenderer): void {
  md.core.ruler.push('repository_links', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== 'link_open') continue
      const href = String(token.attrGet('href'))
      if (!ELSEWHERE.test(href)) token.attrSet('href', siteLink(href, env.realPath ?? env.path))
    }
  })
}

/** What a link of the Markdown file `from`, a full path, leads to on the site. */
function siteLink(href: string, from: string): string {
  const [path = '', hash] = href.split('#')
  const full = path.startsWith('/') ? join(ROOT, path) : join(dirname(from), decodeURI(path))
  const file = relative(ROOT, full)
  const found = statSync(full, { throwIfNoEntry: false })
  if (found === undefined || file.startsWith('..')) {
    throw new Error(`${relative(ROOT, from)}: its link to ${href} leads to nothing`)
  }
  const page = pageOf(file)
  const suffix = hash === undefined ? '' : `#${hash}`
  if (page !== undefined) return `/${encodeURI(page)}${suffix}`
  return addressOf(file, found.isDirectory() ? 'tree' : 'blob') + suffix
}

/** The anchor of a heading as GitHub makes it, so that a link with one leads to the same place there and here. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}
