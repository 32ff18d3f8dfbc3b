/** The site as it is built: whole, with a search that finds, at home on a telephone and in the dark, and asking nobody else for anything. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { serveFolder } from './serve.js'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)
/** Where to keep pictures of the pages, for a look at them: `SITE_PICTURES=/tmp/pictures`. */
const PICTURES = process.env['SITE_PICTURES']

const root = fileURLToPath(new URL('../../..', import.meta.url))
const dist = join(root, 'packages/site/dist')

let server: Server | undefined
let origin = ''
let browser: Browser | undefined

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [join(root, 'scripts/site.mjs')], { cwd: root })
  server = createServer(serveFolder(dist)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  if (CHROMIUM === undefined) return
  // Root may not have Chromium's sandbox; the pages are our own.
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
})
afterAll(async () => {
  await browser?.close()
  server?.closeAllConnections()
  server?.close()
})

interface Seen extends AsyncDisposable {
  readonly page: Page
  /** What its scripts complained of, what it did not get, and whatever it asked another host for. */
  readonly complaints: readonly string[]
}

async function open(
  context: TestContext,
  path: string,
  how: { readonly width: number; readonly scheme: 'light' | 'dark' },
): Promise<Seen> {
  if (browser === undefined) return context.skip('chromium is not installed')
  const page = await browser.newPage({
    colorScheme: how.scheme,
    viewport: { width: how.width, height: 900 },
  })
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => complaints.push(message.text()))
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) complaints.push(`loads ${request.url()}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} of ${response.url()}`)
  })
  await page.goto(origin + path)
  return { page, complaints, [Symbol.asyncDispose]: () => page.close() }
}

/** Of the reference, which is made, some stand for all. */
const OF_THE_REFERENCE = ['/api/', '/api/@pollout/core/classes/Reactor']

/** What somebody wrote. */
function writtenPages(): string[] {
  const written = pagesIn(dist).filter((file) => !file.startsWith('api/'))
  return written.map((file) => `/${file.replace(/(index)?\.html$/, '')}`)
}

describe('the site', () => {
  it('has a page for each document, and for each public package', () => {
    const documents = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))
    for (const name of documents) {
      expect(existsSync(join(dist, name.replace(/md$/, 'html'))), name).toBe(true)
    }
    for (const name of ['pollout', '@pollout/core', '@pollout/framing', '@pollout/backend-net']) {
      expect(existsSync(join(dist, 'api', name, 'index.html')), name).toBe(true)
    }
  })

  it('has an anchor for each link with one', () => {
    const missing = pagesIn(dist).flatMap((file) => {
      const links = readFileSync(join(dist, file), 'utf8').matchAll(/href="(\/[^"#]*|)#([^"]+)"/g)
      return [...links]
        .filter(([, path = '', hash = '']) => {
          const target = path === '' ? file : fileOf(decodeURI(path))
          return !anchorsOf(target).has(decodeURIComponent(hash))
        })
        .map(([link]) => `${file}: ${link}`)
    })
    expect(missing).toEqual([])
  })

  it.for([
    { width: 1280, scheme: 'light' },
    { width: 1280, scheme: 'dark' },
    { width: 390, scheme: 'light' },
    { width: 390, scheme: 'dark' },
  ] as const)('is at home at $width pixels, $scheme', async (how, context) => {
    await using seen = await open(context, '/404.html', how)
    const { page, complaints } = seen
    for (const path of [...writtenPages(), ...OF_THE_REFERENCE]) {
      await page.goto(origin + path)
      // Nothing is wider than the page.
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
      expect(await page.evaluate<number>(overflow), path).toBe(0)
      const dark = "document.documentElement.classList.contains('dark')"
      expect(await page.evaluate<boolean>(dark)).toBe(how.scheme === 'dark')
      expect(complaints, path).toEqual([])
      await picture(page, `${path.replaceAll('/', '_')}-${how.width}-${how.scheme}`)
    }
  })

  it.for([
    ['maxPerPrefix', 'FanOutLimits'],
    ['reconnecting', 'A client of your own'],
    ['EMFILE', 'Whose fault it is'],
    ['connectMany', 'Reactor'],
    ['createReactor', 'createReactor'],
    ['proxy', 'What it is not'],
    ['how many at once', 'A fan-out'],
  ] as const)('finds %s', async ([words, title], context) => {
    await using seen = await open(context, '/', { width: 1280, scheme: 'light' })
    const { page, complaints } = seen
    const input = page.locator('#localsearch-input')
    // Until the page's program listens, keys say nothing to it.
    const ask = async () => {
      await page.keyboard.press('Control+k')
      return input.isVisible()
    }
    await expect.poll(ask).toBe(true)
    await input.fill(words)
    const result = page.locator('.results .result', { hasText: title }).first()
    await result.waitFor()
    await picture(page, `search-${words}`)
    await result.click()
    await page.waitForURL((url) => url.pathname !== '/')
    // Small words are passed over.
    const [last] = words.split(' ').slice(-1)
    expect(await page.locator('main').textContent()).toContain(last)
    expect(complaints).toEqual([])
  })
})

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES === undefined) return
  mkdirSync(PICTURES, { recursive: true })
  await page.screenshot({ path: join(PICTURES, `${name}.png`) })
}

function pagesIn(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return files.filter((file) => file.endsWith('.html') && file !== '404.html')
}

function fileOf(path: string): string {
  const file = path.slice(1)
  return file === '' || file.endsWith('/') ? `${file}index.html` : `${file}.html`
}

const anchors = new Map<string, ReadonlySet<string>>()

function anchorsOf(file: string): ReadonlySet<string> {
  const known = anchors.get(file)
  if (known !== undefined) return known
  const ids = readFileSync(join(dist, file), 'utf8').matchAll(/ id="([^"]+)"/g)
  const found = new Set([...ids].map(([, id = '']) => id))
  anchors.set(file, found)
  return found
}
