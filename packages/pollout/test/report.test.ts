/** `--report`: the page that a run leaves behind, looked at in a real browser. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest'
import { listen, pollout } from './harness.js'

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-report-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

let browser: Promise<Browser> | undefined
afterAll(async () => (await browser)?.close())

interface Seen {
  readonly page: Page
  /** Errors of its script, and whatever it tried to load. */
  readonly complaints: readonly string[]
}

async function open(file: string, context: TestContext, scheme: 'light' | 'dark'): Promise<Seen> {
  if (CHROMIUM === undefined) context.skip('chromium is not installed')
  // Root may not have Chromium's sandbox; the page is our own.
  browser ??= chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] })
  const page = await (await browser).newPage({ colorScheme: scheme })
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => complaints.push(message.text()))
  page.on('request', (request) => {
    if (request.url() !== pathToFileURL(file).href) complaints.push(`loads ${request.url()}`)
  })
  await page.goto(pathToFileURL(file).href)
  return { page, complaints }
}

/** How many points of a chart's canvas are not as the page behind it. */
function inked(page: Page, id: string): Promise<number> {
  return page.locator(`#${id} canvas`).evaluate((element) => {
    const canvas = element as unknown as {
      width: number
      height: number
      getContext(kind: '2d'): {
        getImageData(x: number, y: number, w: number, h: number): { data: Uint8ClampedArray }
      }
    }
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    return data.filter((value, index) => index % 4 === 3 && value > 0).length
  })
}

async function storm(file: string): Promise<void> {
  const { port } = await listen((socket) => socket.resume(), { host: '0.0.0.0' })
  // 200 that are accepted, and 200 at a port where nobody listens.
  const list = join(folder, 'targets')
  const lines = Array.from({ length: 200 }, (_, i) => `127.0.${i % 3}.${i}:${port}\n`)
  const refused = Array.from({ length: 200 }, (_, i) => `127.0.9.${i}:1\n`)
  writeFileSync(list, [...lines, ...refused].join(''))
  const { code, stderr } = await pollout([
    'fanout',
    '-l',
    list,
    '--report',
    file,
    '--silent',
    '-o',
    join(folder, 'out'),
  ])
  expect(stderr).toBe('')
  expect(code).toBe(1)
}

describe('a report', () => {
  it.for(['light', 'dark'] as const)('draws its charts, %s', async (scheme, context) => {
    const file = join(folder, 'report.html')
    await storm(file)
    const { page, complaints } = await open(file, context, scheme)
    expect(await page.title()).toMatch(/^pollout fanout: 400 targets in /)
    for (const id of ['rate', 'histogram', 'curve']) {
      expect(await inked(page, id), id).toBeGreaterThan(500)
    }
    expect(complaints).toEqual([])
    const text = await page.locator('main').textContent()
    expect(text).toContain('ECONNREFUSED')
    expect(text).toContain('127.0.9.0/24')
    // Nothing is wider than the page, on a telephone neither.
    await page.setViewportSize({ width: 360, height: 800 })
    const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
    await expect.poll(() => page.evaluate<number>(overflow)).toBe(0)
    await page.close()
  })

  it('stands by itself: nothing in it is loaded from anywhere', async () => {
    const file = join(folder, 'report.html')
    await storm(file)
    const html = readFileSync(file, 'utf8')
    expect(html).not.toMatch(/(src|href)\s*=|@import|url\(/)
    expect(html).toContain("default-src 'none'")
  })

  it('shows text as text, whatever a target is called', async (context) => {
    const file = join(folder, 'report.html')
    const name = '</script><script>document.title="taken"</script>&"'
    const stdin = `${name}\n`
    await pollout(['fanout', '-l', '-', '--report', file, '--silent'], { stdin })
    // Without a browser too: its data and its own script are all that there is.
    const html = readFileSync(file, 'utf8')
    expect(html.match(/<script/gi)).toHaveLength(2)
    expect(html).not.toContain('&"')
    const { page, complaints } = await open(file, context, 'light')
    expect(await page.title()).toMatch(/^pollout fanout: 1 target in /)
    expect(await page.locator('main').textContent()).toContain(name)
    expect(complaints).toEqual([])
    await page.close()
  })

  it('of a run that was stopped says so', async () => {
    const file = join(folder, 'report.html')
    const { port } = await listen((socket) => socket.resume())
    const args = ['fanout', `127.0.0.0/16:${port}`, '--rate', '50', '--report', file, '--json']
    const { code } = await pollout(args, { onFirstOutput: (child) => child.kill('SIGINT') })
    expect(code).toBe(130)
    expect(readFileSync(file, 'utf8')).toContain('<h1>Stopped after ')
  })

  it('that could not be written is refused before anything is tried', async () => {
    const { code, stderr } = await pollout([
      'fanout',
      '127.0.0.1:1',
      '--report',
      '/no/such/folder/x',
    ])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^pollout: can't write the report to \/no\/such\/folder\/x: [^\n]+\n$/)
  })

  it('on a full disk is told in one line, and costs nothing else', async (context) => {
    if (!existsSync('/dev/full')) context.skip('no /dev/full here')
    const out = join(folder, 'out')
    const args = ['fanout', '127.0.0.1:1', '--report', '/dev/full', '--silent', '--json', '-o', out]
    const { code, stderr } = await pollout(args)
    expect(stderr).toMatch(/^pollout: can't write the report to \/dev\/full: [^\n]*ENOSPC[^\n]*\n$/)
    expect(code).toBe(3)
    expect(readFileSync(out, 'utf8')).toContain('ECONNREFUSED')
  })
})
