/** The scripts of a release, on a copy of what they write to, and on a package that has all that is looked for. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PUBLIC_PACKAGES } from '../src/registry.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const script = (name: string) => new URL(`../../../scripts/${name}.mjs`, import.meta.url).href

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pollout-release-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('release.mjs', () => {
  beforeEach(() => {
    const manifests = readdirSync(join(root, 'packages')).map(
      (name) => `packages/${name}/package.json`,
    )
    for (const file of ['package.json', ...manifests]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      cpSync(join(root, file), join(folder, file))
    }
    cpSync(join(root, 'scripts'), join(folder, 'scripts'), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(
      join(folder, 'CHANGELOG.md'),
      '# Changelog\n\n## Unreleased\n\n- Some $1.\n\n## 0.0.1 - 2026-01-01\n\n- Old.\n',
    )
  })

  async function release(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const own = { PATH: process.env['PATH'], ...env }
    const child = execFile(process.execPath, ['scripts/release.mjs', ...args], {
      cwd: folder,
      env: own,
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: string) => {
        said += text
      })
    }
    const [code] = await once(child, 'close')
    return { code, said }
  }

  const versionOf = (name: string): string =>
    JSON.parse(readFileSync(join(folder, 'packages', name, 'package.json'), 'utf8')).version

  test('prepare: what is unreleased becomes the version, which all public packages get', async () => {
    expect(await release(['prepare', '7.0.0'])).toEqual({ code: 0, said: '' })
    expect(PUBLIC_PACKAGES.map(versionOf)).toEqual(PUBLIC_PACKAGES.map(() => '7.0.0'))
    expect(versionOf('demo')).not.toBe('7.0.0')
    const [today] = new Date().toISOString().split('T')
    expect(readFileSync(join(folder, 'CHANGELOG.md'), 'utf8')).toBe(
      `# Changelog\n\n## Unreleased\n\n## 7.0.0 - ${today}\n\n- Some $1.\n\n## 0.0.1 - 2026-01-01\n\n- Old.\n`,
    )
    // Now there is nothing more to be released.
    expect((await release(['prepare', '7.0.1'])).said).toContain('nothing unreleased')
    expect((await release(['prepare', '7.0.0'])).said).toContain('7.0.0 has been released')
  })

  test.for([
    ['7', 'is no version'],
    ['v7.0.0', 'is no version'],
    ['0.0.2', 'already'],
  ])('prepare %s: %s', async ([version = '', why]) => {
    const { code, said } = await release(['prepare', version])
    expect(said).toContain(why)
    expect(code).toBe(1)
    expect(versionOf('core')).not.toBe(version)
  })

  test('publish: by this repository alone', async () => {
    const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).repository.url
    for (const env of [{}, { GITHUB_REPOSITORY: 'someone/pollout' }]) {
      const { code, said } = await release(['publish'], env)
      expect(said).toMatch(/packages are published by (\S+) alone/)
      expect(ours).toContain(/by (\S+) alone/.exec(said)?.[1])
      expect(code).toBe(1)
    }
  })
})

describe('what would be published', () => {
  test('is looked over', async () => {
    const manifest = {
      name: '@pollout/framing',
      version: '1.0.0',
      license: 'MIT',
      author: 'Someone',
      repository: { type: 'git', url: 'git+https://github.com/someone/pollout.git' },
      scripts: { postinstall: 'true' },
      dependencies: { '@pollout/core': '^0.9.0', '@pollout/backend-net': 'workspace:^' },
    }
    const files = {
      'package.json': JSON.stringify({ ...manifest, version: 'one' }),
      LICENSE: 'MIT',
      'dist/index.js': '// ../../node_modules/.pnpm/left@1.0.0/node_modules/left/index.js\n',
      'test/a.test.js': '',
    }
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, 'package', file)), { recursive: true })
      writeFileSync(join(folder, 'package', file), text)
    }
    const archive = join(folder, 'framing.tgz')
    await once(execFile('tar', ['-czf', archive, 'package'], { cwd: folder }), 'close')
    const [name, dir] = ['@pollout/framing', join(root, 'packages/framing')]
    const framing = { name, dir, manifest, archive, files: Object.keys(files) }
    const core = { ...framing, name: '@pollout/core', manifest: { ...manifest, version: '1.0.1' } }

    const { packedFaults } = await import(script('check-packed'))
    const faults: string[] = await packedFaults([framing, core], { components: [] })
    expect(faults).toContain('versions differ: 1.0.0, 1.0.1')
    const own = faults
      .filter((fault) => fault.startsWith(`${name}: `))
      .map((fault) => fault.slice(name.length + 2))
    expect(own.sort()).toEqual([
      '@pollout/backend-net is workspace:^, which leads nowhere outside',
      '@pollout/core is ^0.9.0, not of this version',
      'README.md is not packed',
      'author is not "The pollout authors"',
      expect.stringMatching(/^bugs is not .*"https/),
      'has a script postinstall',
      'has left in it, and not its licence',
      expect.stringMatching(/^homepage is not "https/),
      expect.stringMatching(/^npm would not publish it:\n.*Invalid version: "one"/),
      expect.stringMatching(/^repository is not .*"directory":"packages\/framing"/),
      'test/a.test.js is packed',
    ])
  })

  test('by its licences, also of what is inside', async () => {
    const { licenceFaults } = await import(script('sbom'))
    const mit = [{ license: { id: 'MIT' } }]
    const of = (component: object) =>
      licenceFaults({
        components: [{ name: 'one', version: '1.0.0', licenses: mit, ...component }],
      })
    expect(of({})).toEqual([])
    expect(of({ components: [{ name: 'two', version: '2.0.0', licenses: mit }] })).toEqual([])
    const gpl = [{ license: { id: 'GPL-3.0-only' } }]
    expect(of({ licenses: gpl })).toHaveLength(1)
    expect(of({ licenses: [...mit, ...gpl] })).toHaveLength(1)
    expect(of({ licenses: [{ expression: '(MIT OR GPL-3.0-only)' }] })).toHaveLength(1)
    expect(of({ licenses: [{ license: { name: 'my own' } }] })).toHaveLength(1)
    expect(of({ licenses: undefined })).toEqual([
      'one 1.0.0 is licensed by nothing, which is not on the list',
    ])
    expect(of({ components: [{ name: 'two', version: '2.0.0', licenses: gpl }] })).toHaveLength(1)
  })
})
