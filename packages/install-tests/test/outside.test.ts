/**
 * What those find who use the packed packages in ways of their own: authors of backends, compilers of several versions,
 * workspaces, and programs with two copies of a package. `POLLOUT_INSTALL_MATRIX=all` runs the whole conformance suite.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Install, isWhole, runProgram } from '../src/managers.js'
import { type Registry, startRegistry } from '../src/registry.js'
import { toolFolder } from '../src/scripts.js'
import { ADDON, managerNamed } from '../src/user.js'

const PROGRAMS = fileURLToPath(new URL('../programs', import.meta.url))

let folder: string
let registry: Registry

beforeAll(async () => {
  registry = await startRegistry()
  folder = registry.folder
})
afterAll(() => registry?.[Symbol.asyncDispose]())

/** A folder of that name, with these files in it. */
function project(name: string, files: Readonly<Record<string, string>>): Install {
  const place = join(folder, name)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(place, path, '..'), { recursive: true })
    writeFileSync(join(place, path), text)
  }
  return {
    folder: place,
    registry: registry.url,
    scripts: 'blocked',
    path: process.env['PATH'] ?? '',
  }
}

async function install(manager: string, packages: readonly string[], how: Install): Promise<void> {
  const ran = await managerNamed(manager).install(packages, how)
  expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 })
}

/** Runs Node there; what it printed. */
async function node(how: Install, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(process.execPath, args, how)
  expect({ code }, stdout + stderr).toEqual({ code: 0 })
  return stdout
}

const USER = '{ "name": "user", "private": true, "type": "module" }'

describe('an author of a backend', () => {
  const BACKEND = readFileSync(join(PROGRAMS, 'author/seen-through.ts'), 'utf8')
  const OWN = `{ "name": "seen-through", "private": true, "type": "module", "exports": "./dist/src/index.js" }`
  const TSC = [
    ...['--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext'],
    ...['--types', 'node', '--rootDir', '.'],
  ]
  const bin = (name: string) => `node_modules/${name}`
  let how: Install
  let docs: string

  beforeAll(async () => {
    how = project('author', { 'package.json': OWN, 'src/index.ts': BACKEND })
    docs = join(how.folder, 'node_modules/@pollout/core/docs')
    // What the guide says, and the backend that this one is made of.
    const tools = ['@pollout/conformance', 'typescript', '@types/node@20', 'vitest@4', 'tsx']
    await install('npm 11', ['@pollout/core', 'rxjs', '@pollout/backend-net', ...tools], how)
  })

  it('finds all that the guide names', () => {
    for (const name of readdirSync(docs).filter((file) => file.endsWith('.md'))) {
      const links = readFileSync(join(docs, name), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)
      for (const [, to = ''] of links)
        expect(existsSync(join(docs, to)), `${name}: ${to}`).toBe(true)
    }
    const guide = readFileSync(join(docs, 'writing-a-backend.md'), 'utf8')
    for (const [, to = ''] of guide.matchAll(/([\w@./-]+\.(ts|md))\b/g)) {
      const place = to.startsWith('node_modules') ? join(how.folder, to) : join(docs, to)
      expect(existsSync(place), to).toBe(true)
    }
    const [, packages = ''] = /npm install (@pollout.*)/.exec(guide) ?? []
    expect(packages).toBe('@pollout/core rxjs')
  })

  it('finds the suite and the test kit by their old paths too', async () => {
    for (const name of ['conformance', 'testing']) {
      const all = `const [old, now] = [await import('@pollout/core/${name}'), await import('@pollout/${name}')]`
      const check = `process.exitCode = Object.keys(now).every((key) => old[key] === now[key]) ? 0 : 1`
      await node(how, '--input-type=module', '-e', `${all}; ${check}`)
    }
  })

  it('runs example 07 as it stands', async () => {
    const example = join(docs, '07-a-backend.ts')
    expect(await node(how, bin('tsx/dist/cli.mjs'), example)).toBe('memory: Hello, nobody!\n')
  })

  it('has a backend that passes the suite', async () => {
    mkdirSync(join(how.folder, 'test'))
    for (const name of ['subject.ts', 'conformance.test.ts']) {
      const text = readFileSync(join(docs, name), 'utf8')
        .replaceAll('@pollout/backend-net', 'seen-through')
        .replaceAll('netBackend', 'seenThrough')
      writeFileSync(join(how.folder, 'test', name), text)
    }
    const contract = ['backend.ts', 'bulk.ts', 'exchange.ts', '07-a-backend.ts'].map((name) =>
      join(docs, name),
    )
    const tsc = [bin('typescript/bin/tsc'), ...TSC]
    await node(how, ...tsc, '--outDir', 'dist', 'src/index.ts')
    await node(how, ...tsc, '--noEmit', 'test/conformance.test.ts', ...contract)
    const some = isWhole
      ? []
      : ['-t', 'the backend interface|ends by itself at once when it destroys']
    const out = await node(
      how,
      bin('vitest/vitest.mjs'),
      'run',
      '--dir',
      'test',
      '--reporter=json',
      ...some,
    )
    const { numPassedTests, numFailedTests } = JSON.parse(out)
    expect(numFailedTests).toBe(0)
    expect(numPassedTests).toBeGreaterThan(isWhole ? 400 : 20)
  })
})

describe('a compiler that checks libraries too', () => {
  const CLIENTS = ['ioredis', 'kafkajs', 'mqtt', 'tedious', 'undici']
  const STRICT = [
    ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'],
    ...['--target', 'es2022', '--types', 'node'],
  ]
  const SETTINGS: Record<string, readonly string[]> = {
    'nodenext, ES module': ['--module', 'nodenext', 'all.mts'],
    'nodenext, CommonJS': ['--module', 'nodenext', 'all.cts'],
    bundler: ['--module', 'esnext', '--moduleResolution', 'bundler', 'all.ts'],
  }
  const NODE10 = ['--module', 'commonjs', '--moduleResolution', 'node10', 'all.cts']
  let how: Install

  beforeAll(async () => {
    how = project('types', { 'package.json': USER })
    const names = registry.names
    await install('npm 11', [...names, 'rxjs', '@types/node@20'], how)
    // The types of a client are there for those who have it: `check packages` has all of them.
    const imports = names
      .flatMap((name) => entriesOf(join(how.folder, 'node_modules', name), name))
      .filter((entry) => !CLIENTS.some((client) => entry.endsWith(`/${client}`)))
      .map((entry, i) => `import * as all${i} from '${entry}'\nexport const own${i} = all${i}\n`)
    expect(imports.length).toBeGreaterThan(14)
    for (const name of ['all.mts', 'all.cts', 'all.ts']) {
      writeFileSync(join(how.folder, name), imports.join(''))
    }
  })

  const compile = async (version: string, args: readonly string[]) =>
    node(
      how,
      join(await toolFolder(`typescript@${version}`), 'typescript/bin/tsc'),
      ...STRICT,
      ...args,
    )

  const OLDEST = '5.4'
  // The repository's own is tried by `check packages`.
  const versions = isWhole ? [OLDEST, '5.6', '5.9', '6', '7'] : []
  for (const version of versions) {
    it.each(Object.entries(SETTINGS))(`TypeScript ${version}: %s`, async (_, args) => {
      await compile(version, args)
    })
  }
  // One that knows no exports, and so finds sub-paths by `typesVersions`.
  it.runIf(isWhole)(
    `TypeScript ${OLDEST}: node10`,
    async () => void (await compile(OLDEST, NODE10)),
  )
})

/** What can be imported of a package. */
function entriesOf(place: string, name: string): string[] {
  const { exports } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'))
  return Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => name + path.slice(1))
}

describe('a workspace of two packages', () => {
  const text = (name: string) => readFileSync(join(PROGRAMS, 'workspace', name), 'utf8')
  const manifest = (name: string, dependencies: Readonly<Record<string, string>>) =>
    JSON.stringify({ name, private: true, exports: './index.mjs', dependencies })
  const files = {
    'package.json': '{ "name": "user", "private": true, "workspaces": ["packages/*"] }',
    'pnpm-workspace.yaml':
      '{ packages: ["packages/*"], hoist: false, linkWorkspacePackages: true }',
    'packages/one/package.json': manifest('one', { pollout: '*', rxjs: '7' }),
    'packages/one/index.mjs': text('one.mjs'),
    'packages/two/package.json': manifest('two', {
      ...{ '@pollout/adapters': '*', '@pollout/core': '*', rxjs: '7', one: 'workspace:*' },
    }),
    'packages/two/index.mjs': text('two.mjs'),
  }

  it.runIf(isWhole).each(['yarn 4, pnp', 'pnpm 12'])('%s: one core for all', async (name) => {
    const how = project(`workspace-${name.slice(0, 4)}`, files)
    await install(name, [], how)
    const ran = await managerNamed(name).run(['packages/two/index.mjs', 'one'], how)
    const { code, stdout, stderr } = ran
    expect({ code }, stdout + stderr).toEqual({ code: 0 })
    expect(JSON.parse(stdout)).toEqual({ backend: 'native', answer: 'yes', oneCore: true })
  })
})

describe('a program with two copies of each package', () => {
  let how: Install

  beforeAll(async () => {
    how = project('copies', { 'package.json': USER })
    cpSync(join(PROGRAMS, 'copies.mjs'), join(how.folder, 'copies.mjs'))
    const names = ['core', 'framing', 'adapters', 'testing'].map((name) => `@pollout/${name}`)
    await install('npm 11', ['pollout', 'rxjs', ...names], how)
  })

  it('ES modules and CommonJS', async () => void (await node(how, 'copies.mjs')))

  it('of two versions', async () => {
    const modules = join(how.folder, 'node_modules')
    // RxJS is a peer of both, and one.
    const notRxjs = (path: string) => !path.startsWith(join(modules, 'rxjs'))
    const older = join(how.folder, 'older/node_modules')
    cpSync(modules, older, { recursive: true, filter: notRxjs })
    // No older one can be installed as yet: this is the same, but for the version wherever that stands.
    for (const name of registry.names.filter((one) => existsSync(join(older, one)))) {
      const root = join(older, name)
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
      const built = readdirSync(join(root, 'dist')).filter((file) => /\.c?js$/.test(file))
      for (const file of ['package.json', ...built.map((one) => `dist/${one}`)]) {
        const text = readFileSync(join(root, file), 'utf8')
        writeFileSync(join(root, file), text.replaceAll(`"${version}"`, '"0.0.1"'))
      }
    }
    // The addon says the version too, as text that ends with a zero; one of as many characters takes its place.
    const addon = join(older, ADDON)
    const { version } = JSON.parse(readFileSync(join(modules, 'pollout/package.json'), 'utf8'))
    const bytes = readFileSync(addon, 'latin1')
    writeFileSync(addon, bytes.replaceAll(`\0${version}\0`, '\x000.0.1\0'), 'latin1')
    await node(how, 'copies.mjs', 'older')
  })
})
