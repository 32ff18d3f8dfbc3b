/**
 * A program that is bundled with `pollout` inside connects: by the native backend where the bundle finds the installed
 * package, or an addon beside it; else by the portable one, with the true reason.
 */
import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Install, isWhole, runProgram } from '../src/managers.js'
import { type Registry, startRegistry } from '../src/registry.js'
import { ADDON, json, managerNamed } from '../src/user.js'

const PROGRAM = `
import { once } from 'node:events'
import { createServer } from 'node:net'
import { backendReport, createReactor, tcp } from 'pollout'
import { firstValueFrom } from 'rxjs'

async function main() {
  const server = createServer((peer) => peer.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const reactor = createReactor({ onFallback: () => {} })
  const connection = await firstValueFrom(reactor.connect(tcp('127.0.0.1', server.address().port)))
  const by = reactor.backend
  await connection.close()
  await reactor.destroy()
  server.close()
  console.log(JSON.stringify({ by, report: backendReport() }))
}
main()
`

const ESBUILD_PACKAGE = 'esbuild@0.28'
const TOOLS = [ESBUILD_PACKAGE, 'webpack@5', 'webpack-cli@7', 'vite@8']
// The bundlers that are built on others of these, and the slowest.
const MORE = ['rollup', 'ncc']
const MORE_TOOLS = [
  'rollup@4',
  '@rollup/plugin-node-resolve@16',
  '@rollup/plugin-commonjs@29',
  '@vercel/ncc@0.45',
]

/** The command that makes each bundle, and where it stands then. */
const BUNDLERS: Record<string, { readonly command: readonly string[]; readonly bundle: string }> = {
  'esbuild to CommonJS': {
    command: [
      'esbuild',
      'program.mjs',
      '--bundle',
      '--platform=node',
      '--outfile=esbuild/program.cjs',
    ],
    bundle: 'esbuild/program.cjs',
  },
  'esbuild to ES modules': {
    command: [
      'esbuild',
      'program.mjs',
      '--bundle',
      '--platform=node',
      '--format=esm',
      '--outfile=esbuild/program.mjs',
    ],
    bundle: 'esbuild/program.mjs',
  },
  webpack: {
    command: ['webpack', '--config', 'webpack.config.cjs'],
    bundle: 'webpack/program.cjs',
  },
  Vite: { command: ['vite', 'build', '--config', 'vite.config.mjs'], bundle: 'vite/program.js' },
  rollup: { command: ['rollup', '--config', 'rollup.config.mjs'], bundle: 'rollup/program.mjs' },
  ncc: { command: ['ncc', 'build', 'program.mjs', '--out', 'ncc'], bundle: 'ncc/index.mjs' },
}

const CONFIGS = {
  'webpack.config.cjs': `module.exports = {
    mode: 'production', target: 'node', entry: './program.mjs',
    output: { path: require('node:path').resolve('webpack'), filename: 'program.cjs' },
  }`,
  'vite.config.mjs': `export default {
    build: { ssr: 'program.mjs', outDir: 'vite', rollupOptions: { output: { entryFileNames: 'program.js' } } },
    ssr: { noExternal: true },
  }`,
  'rollup.config.mjs': `
    import commonjs from '@rollup/plugin-commonjs'
    import resolve from '@rollup/plugin-node-resolve'
    export default {
      input: 'program.mjs', output: { file: 'rollup/program.mjs', format: 'es', inlineDynamicImports: true },
      plugins: [resolve({ exportConditions: ['node'], preferBuiltins: true }), commonjs()],
    }`,
}

let folder: string
let place: string
let registry: Registry
let how: Install

beforeAll(async () => {
  registry = await startRegistry()
  folder = registry.folder
  place = join(folder, 'program')
  mkdirSync(place)
  how = {
    folder: place,
    registry: registry.url,
    scripts: 'allowed',
    path: process.env['PATH'] ?? '',
  }
  writeFileSync(
    join(place, 'package.json'),
    '{ "name": "user", "private": true, "type": "module" }',
  )
  writeFileSync(join(place, 'program.mjs'), PROGRAM)
  for (const [name, text] of Object.entries(CONFIGS)) writeFileSync(join(place, name), text)
  const tools = isWhole ? [...TOOLS, ...MORE_TOOLS] : TOOLS
  const installed = await managerNamed('npm 11').install(['pollout', 'rxjs', ...tools], how)
  expect(installed).toMatchObject({ code: 0 })
})
afterAll(() => registry?.[Symbol.asyncDispose]())

async function told(file: string, cwd: string, env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await runProgram(process.execPath, [file], {
    ...how,
    folder: cwd,
    env,
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

const chosen = Object.entries(BUNDLERS).filter(([name]) => isWhole || !MORE.includes(name))

describe.each(chosen)('%s', (name, { command, bundle }) => {
  it('beside the installed package, beside an addon, and alone', async () => {
    const [program = '', ...args] = command
    const made = await runProgram(join(place, 'node_modules/.bin', program), args, how)
    expect(made, made.stdout + made.stderr).toMatchObject({ code: 0 })
    const installed = await told(join(place, bundle), place)
    expect(installed).toMatchObject({ by: 'native', report: { backend: 'native' } })

    // On another machine: nothing is installed, nor is anything where it was bundled.
    const elsewhere = join(folder, name.replaceAll(' ', '-'))
    mkdirSync(elsewhere)
    const moved = join(elsewhere, basename(bundle))
    writeFileSync(
      join(elsewhere, 'package.json'),
      bundle.endsWith('.js') ? '{ "type": "module" }' : '{}',
    )
    copyFileSync(join(place, bundle), moved)
    const away = `${place}-away`
    const addon = join(away, 'node_modules', ADDON)
    renameSync(place, away)
    try {
      const alone = await told(moved, elsewhere)
      expect(alone).toMatchObject({ by: 'net', report: { backend: 'net' } })
      expect(alone.report.reason).toContain(`no addon stands beside ${moved}`)
      expect(alone.report.remedy).toBe(
        'copy prebuilds/linux-x64/pollout.node of @pollout/backend-native 0.1.0 beside the bundle, or name it by POLLOUT_ADDON',
      )
      // Neither the current folder is asked, nor the one above: others may write there.
      const above = join(folder, 'prebuilds/linux-x64')
      mkdirSync(above, { recursive: true })
      copyFileSync(addon, join(above, 'pollout.node'))
      expect(await told(moved, away)).toMatchObject({ by: 'net' })
      const env = { POLLOUT_ADDON: addon }
      expect(await told(moved, elsewhere, env)).toMatchObject({ by: 'native' })
      copyFileSync(addon, join(elsewhere, 'pollout.node'))
      expect(await told(moved, elsewhere)).toMatchObject({ by: 'native' })
    } finally {
      renameSync(away, place)
    }
  })
})

/** What its command does: with PnP there is no file of it that could be run. */
const ESBUILD = `
const { execFileSync } = require('node:child_process')
execFileSync(process.execPath, [require.resolve('esbuild/bin/esbuild'), ...process.argv.slice(1)])
`

// Neither has @pollout/backend-native where a program finds it by itself.
describe.runIf(isWhole).each(['pnpm 12', 'yarn 4, pnp'])('%s', (name) => {
  it.each(['cjs', 'esm'])(
    'esbuild to %s: beside the installed package, and beside an addon',
    async (format) => {
      const manager = managerNamed(name)
      const there: Install = {
        ...how,
        folder: join(folder, `${name.slice(0, 4)}-${format}`),
        // Its own would put a program in place of its command.
        scripts: 'blocked',
      }
      mkdirSync(there.folder)
      writeFileSync(join(there.folder, 'package.json'), '{ "name": "user", "private": true }')
      writeFileSync(join(there.folder, 'program.mjs'), PROGRAM)
      expect(await manager.install(['pollout', 'rxjs', ESBUILD_PACKAGE], there)).toMatchObject({
        code: 0,
      })
      const bundle = format === 'cjs' ? 'bundle.cjs' : 'bundle.mjs'
      const args = ['program.mjs', '--bundle', '--platform=node', `--format=${format}`]
      const made = await manager.run(['-e', ESBUILD, ...args, `--outfile=${bundle}`], there)
      expect(made, made.stdout + made.stderr).toMatchObject({ code: 0 })

      const installed = json(await manager.run([bundle], there))
      expect(installed).toMatchObject({ by: 'native', report: { backend: 'native' } })

      const elsewhere = join(folder, `${name.slice(0, 4)}-${format}-away`)
      mkdirSync(elsewhere)
      copyFileSync(join(there.folder, bundle), join(elsewhere, bundle))
      expect(await told(join(elsewhere, bundle), elsewhere)).toMatchObject({ by: 'net' })
      copyFileSync(installed.report.addon, join(elsewhere, 'pollout.node'))
      expect(await told(join(elsewhere, bundle), elsewhere)).toMatchObject({ by: 'native' })
    },
  )
})
