/** Which Markdown files of the repository are pages of the site, and where each of them stands there. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** What is tried first comes first. */
const RULES: readonly (readonly [file: RegExp, page: string])[] = [
  [/^packages\/site\/index\.md$/, 'index.md'],
  [/^docs\/(.+\.md)$/, '$1'],
  [/^packages\/([^/]+)\/README\.md$/, 'packages/$1.md'],
  [/^(CHANGELOG|CONTRIBUTING)\.md$/, '$1.md'],
]

/** The page that a file becomes, from the root of the site; undefined for what is no page. */
export function pageOf(file: string): string | undefined {
  for (const [pattern, page] of RULES) {
    if (pattern.test(file)) return file.replace(pattern, page).replace(/^[A-Z]+\.md$/, lowerCase)
  }
  return undefined
}

function lowerCase(text: string): string {
  return text.toLowerCase()
}

/** Where a file, or a folder, of the repository can be read that is no page. */
export function addressOf(file: string, kind: 'blob' | 'tree'): string {
  const { repository } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'))
  const address = repository.url.replace(/^git\+/, '').replace(/\.git$/, '')
  return file === '' ? address : `${address}/${kind}/main/${file}`
}
