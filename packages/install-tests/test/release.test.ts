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
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const script = (name: string) => new URL(`../../../scripts/${name}.mjs`, import.meta.url).href

/** Their folders in packages/. */
const PUBLIC_PACKAGES = ['core', 'backend-net', 'backend-native', 'framing', 'adapters', 'pollout']

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

describe('publishing', () => {
  const packages = ['c', 'a', 'b'].map((name, at) => ({
    name,
    archive: `/packed/${name}.tgz`,
    manifest: { dependencies: at === 0 ? { b: '^1.0.0', rxjs: '7' } : at === 2 ? { a: '1' } : {} },
  }))

  /** By an `npm` that knows the versions that are published, and fails as it is told. */
  async function publish(version: string, { published = [], fails = '' }: Npm = {}) {
    const npm = `#!/bin/sh
      echo "$*" >>'${folder}/asked'
      echo 'npm warn Unknown env config "of-pnpm"' >&2
      case "$1 $2" in
        "view "*) case " ${published.join(' ')} " in *" $2 "*) echo '"${version}"';; esac;;
        "publish ${fails}") echo 'npm error E403' >&2; exit 1;;
      esac`
    writeFileSync(join(folder, 'npm'), npm, { mode: 0o755 })
    writeFileSync(join(folder, 'asked'), '')
    const code = `import(${JSON.stringify(script('publish'))})
      .then(({ publishAll }) => publishAll(${JSON.stringify(packages)}, '${version}'))
      .catch((error) => { console.log(error.message); process.exitCode = 1 })`
    const env = { PATH: [folder, process.env['PATH']].join(delimiter) }
    const child = execFile(process.execPath, ['-e', code], { env })
    let said = ''
    child.stdout?.on('data', (text: string) => {
      said += text
    })
    const [exit] = await once(child, 'close')
    const asked = readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n')
    return { exit, said, published: asked.filter((line) => line.startsWith('publish')) }
  }
  interface Npm {
    readonly published?: readonly string[]
    readonly fails?: string
  }
  const how = '--provenance --access public --tag'

  test('what others depend on comes first, with its provenance', async () => {
    expect(await publish('1.0.0')).toEqual({
      exit: 0,
      said: 'a@1.0.0: published\nb@1.0.0: published\nc@1.0.0: published\n',
      published: ['a', 'b', 'c'].map((name) => `publish /packed/${name}.tgz ${how} latest`),
    })
  })

  test('what is not for all has a tag of its own', async () => {
    const { published } = await publish('1.0.0-rc.1')
    expect(published).toEqual(
      ['a', 'b', 'c'].map((name) => `publish /packed/${name}.tgz ${how} next`),
    )
  })

  test('a failure in the middle ends it, and the next run goes on', async () => {
    const failed = await publish('1.0.0', { fails: '/packed/b.tgz' })
    expect(failed).toMatchObject({ exit: 1, published: { length: 2 } })
    expect(failed.said).toMatch(/^a@1\.0\.0: published\nb@1\.0\.0 is not published:\n.*E403/s)
    expect(await publish('1.0.0', { published: ['a@1.0.0'] })).toEqual({
      exit: 0,
      said: 'a@1.0.0: was published before\nb@1.0.0: published\nc@1.0.0: published\n',
      published: ['b', 'c'].map((name) => `publish /packed/${name}.tgz ${how} latest`),
    })
  })
})

test('where a compiler is missing, the addons are noted on a machine, and fail in CI', async () => {
  const program = join(root, 'packages/backend-native/scripts/check-addons.mjs')
  const check = async (CI: string) => {
    const child = execFile(process.execPath, [program], { env: { PATH: folder, CI } })
    let said = ''
    child.stdout?.on('data', (text: string) => {
      said += text
    })
    const [code] = await once(child, 'close')
    return { code, said }
  }
  const why = (target: string) =>
    expect.stringMatching(new RegExp(`^note: ${target} is not checked: .* is not installed$`, 'm'))
  expect(await check('')).toEqual({ code: 0, said: why('linux-x64') })
  const { code, said } = await check('true')
  expect(code).toBe(1)
  expect(said).toMatch(/^linux-x64: .* not installed$/m)
  expect(said).toMatch(/^linux-arm64: .* not installed$/m)
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
      '@pollout/backend-net is workspace:^, which is no range of versions',
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

  async function faultsOf(one: object): Promise<string[]> {
    const { packedFaults } = await import(script('check-packed'))
    const made = { name: 'one', dir: root, archive: join(folder, 'one.tgz'), files: [], ...one }
    const faults: string[] = await packedFaults([made], { components: [] })
    return faults.filter((fault) => /: (.* is |has a script|bundles)/.test(fault))
  }

  test('by what its packages depend on: versions alone', async () => {
    const odd = [
      'workspace:^',
      'file:../two',
      'link:../two',
      'portal:../two',
      'catalog:',
      'npm:three@1.0.0',
      'github:someone/two',
      'someone/two#v1.0.0',
      'git+ssh://git@example.net/two.git#semver:^1.0.0',
      'http://127.0.0.1/two-1.0.0.tgz',
      'latest',
      '*',
      '',
      1,
    ]
    const fine = { two: '^1.0.0', three: '1.2.3', four: '>=5', five: '^1.0.0 || ^2.0.0-rc.1' }
    const lists = ['dependencies', 'peerDependencies', 'optionalDependencies']
    const dependenciesOf = (list: string) =>
      Object.fromEntries([
        ...Object.entries(fine),
        ...odd.map((range, at) => [`${list}-${at}`, range]),
      ])
    const fields = Object.fromEntries(lists.map((list) => [list, dependenciesOf(list)]))
    const faults = await faultsOf({ manifest: { ...fields, bundleDependencies: ['two'] } })
    const expected = lists.flatMap((list) =>
      odd.map((range, at) => `one: ${list}-${at} is ${range}, which is no range of versions`),
    )
    expect(faults.filter((fault) => fault.endsWith('range of versions'))).toEqual(expected)
    expect(faults).toContain('one: bundles what it depends on')
  })

  test('by its scripts: none that a package manager may run', async () => {
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare']
    hooks.push('uninstall', 'preuninstall', 'prepublish', 'dependencies', 'pnpm:devPreinstall')
    const scripts = Object.fromEntries(['build', ...hooks].map((name) => [name, 'true']))
    const faults = await faultsOf({ manifest: { scripts }, files: ['binding.gyp'] })
    expect(faults.filter((fault) => fault.includes(' script '))).toEqual(
      [...hooks, 'binding.gyp'].map((hook) => `one: has a script ${hook}`),
    )
  })

  test('by its addons', async () => {
    const elf = Buffer.alloc(200)
    elf.set([0x7f, 0x45, 0x4c, 0x46, 2])
    elf.writeUInt16LE(3, 16)
    elf.writeUInt16LE(62, 18)
    elf.write('napi_register_module_v1', 100)
    const other = Buffer.from(elf)
    elf.write('1.0.0', 150)
    const addons = { empty: Buffer.alloc(0), text: Buffer.from('#!/bin/sh\n'), elf, other }
    const expected = {
      'prebuilds/linux-x64/empty.node': ' is no addon',
      'prebuilds/linux-x64/text.node': ' is no addon',
      'prebuilds/linux-x64/elf.node': undefined,
      'prebuilds/linux-arm64/elf.node': ' is of another machine',
      'prebuilds/linux-x64/other.node': ' is of another version',
    }
    for (const file of Object.keys(expected)) {
      const [, name = ''] = /(\w+)\.node$/.exec(file) ?? []
      mkdirSync(dirname(join(folder, 'package', file)), { recursive: true })
      writeFileSync(join(folder, 'package', file), addons[name as keyof typeof addons])
    }
    await once(execFile('tar', ['-czf', 'one.tgz', 'package'], { cwd: folder }), 'close')
    const files = Object.keys(expected)
    const faults = await faultsOf({ manifest: { version: '1.0.0' }, files })
    const told = faults.filter((fault) => / is (no addon|of another)/.test(fault))
    expect(told.sort()).toEqual(
      Object.entries(expected)
        .flatMap(([file, fault]) => (fault ? [`one: ${file}${fault}`] : []))
        .sort(),
    )
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
