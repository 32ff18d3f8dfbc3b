/** The package managers: how each installs, with install scripts allowed or blocked, and how what is installed is run. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toolFolder } from './scripts.js'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Install {
  /** Empty, or with a package.json. */
  readonly folder: string
  readonly registry: string
  readonly scripts: 'allowed' | 'blocked'
  /** The programs that it finds: PATH. */
  readonly path: string
  /** What else its environment has. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Manager {
  readonly name: string
  /** What of npm's has to be there: `npm@11`. */
  readonly tool: string
  /** Without packages, what the folder's own package.json asks for. */
  install(packages: readonly string[], how: Install): Promise<Ran>
  /** Runs `node <args>` there. */
  run(args: readonly string[], how: Install): Promise<Ran>
  /** Runs the command `pollout` there, as its own `RUN` of packages/pollout/src/backend-report.ts says. */
  command(args: readonly string[], how: Install): Promise<Ran>
}

/** Whether all that can be tried is: `pnpm --filter @pollout/install-tests run matrix`. */
export const isWhole = process.env['POLLOUT_INSTALL_MATRIX'] === 'all'

const PNPM = 'pnpm/bin/pnpm.mjs'

export const MANAGERS: readonly Manager[] = [
  npm('npm@11'),
  npm('npm@12'),
  {
    name: 'pnpm 12',
    tool: 'pnpm@12',
    install: async (packages, how) => {
      const scripts =
        how.scripts === 'allowed' ? '--dangerously-allow-all-builds' : '--ignore-scripts'
      const asked = packages.length > 0 ? ['add', ...packages] : ['install']
      const cache = ['--store-dir', join(how.folder, '.store'), '--registry', how.registry]
      return runTool('pnpm@12', PNPM, [...asked, scripts, ...cache], how)
    },
    run: runNode,
    command: (args, how) => runTool('pnpm@12', PNPM, ['exec', 'pollout', ...args], how),
  },
  yarn('node-modules'),
  yarn('pnp'),
  {
    name: 'bun',
    tool: '@oven/bun-linux-x64@1',
    install: async (packages, how) => {
      const blocked = how.scripts === 'blocked' ? ['--ignore-scripts'] : []
      const args = ['add', ...packages, ...blocked, '--registry', how.registry]
      return runBun([...args, '--cache-dir', join(how.folder, '.cache')], how)
    },
    run: runNode,
    // Not by Bun itself, though it is asked to: the command says that it is Node's.
    command: (args, how) => runBun(['x', 'pollout', ...args], how),
  },
]

function npm(tool: string): Manager {
  return {
    name: tool.replace('@', ' '),
    tool,
    install: (packages, how) => {
      const blocked = how.scripts === 'blocked' ? ['--ignore-scripts'] : []
      const cache = ['--cache', join(how.folder, '.cache'), '--registry', how.registry]
      const args = ['install', ...packages, '--no-audit', '--no-fund', ...blocked, ...cache]
      return runTool(tool, 'npm/bin/npm-cli.js', args, how)
    },
    run: runNode,
    command: (args, how) => runTool(tool, 'npm/bin/npx-cli.js', ['pollout', ...args], how),
  }
}

function yarn(nodeLinker: 'node-modules' | 'pnp'): Manager {
  const [tool, program] = ['@yarnpkg/cli-dist@4', '@yarnpkg/cli-dist/bin/yarn.js']
  return {
    name: `yarn 4, ${nodeLinker}`,
    tool,
    install: (packages, how) => {
      const settings = {
        nodeLinker,
        npmRegistryServer: how.registry.replace(/\/$/, ''),
        unsafeHttpWhitelist: ['127.0.0.1'],
        enableScripts: how.scripts === 'allowed',
        enableGlobalCache: false,
        enableTelemetry: false,
        // Some of its own dependencies are younger than it lets others be.
        npmMinimalAgeGate: 0,
      }
      writeFileSync(join(how.folder, '.yarnrc.yml'), JSON.stringify(settings))
      writeFileSync(join(how.folder, 'yarn.lock'), '')
      // In CI it makes no lock file unless told to.
      const asked = packages.length > 0 ? ['add', ...packages] : ['install', '--no-immutable']
      return runTool(tool, program, asked, how)
    },
    run: (args, how) => runTool(tool, program, ['node', ...args], how),
    command: (args, how) => runTool(tool, program, ['pollout', ...args], how),
  }
}

async function runBun(args: readonly string[], how: Install): Promise<Ran> {
  const modules = await toolFolder('@oven/bun-linux-x64@1')
  return runProgram(join(modules, '@oven/bun-linux-x64/bin/bun'), args, how)
}

function runNode(args: readonly string[], how: Install): Promise<Ran> {
  return runProgram(process.execPath, args, how)
}

async function runTool(
  tool: string,
  program: string,
  args: readonly string[],
  how: Install,
): Promise<Ran> {
  return runNode([join(await toolFolder(tool), program), ...args], how)
}

/** A folder with the commands of all of them, by the names that a remedy has: `npx`, `pnpm`, `yarn`, `bunx`. */
export async function commandsIn(folder: string, npm: string): Promise<string> {
  const commands = join(folder, 'commands')
  mkdirSync(commands)
  const all = {
    npx: [npm, 'npm/bin/npx-cli.js', ''],
    pnpm: ['pnpm@12', PNPM, ''],
    yarn: ['@yarnpkg/cli-dist@4', '@yarnpkg/cli-dist/bin/yarn.js', ''],
    bunx: ['@oven/bun-linux-x64@1', '@oven/bun-linux-x64/bin/bun', 'x'],
  } as const
  for (const [name, [tool, program, first]] of Object.entries(all)) {
    const path = join(await toolFolder(tool), program)
    const start = name === 'bunx' ? '' : 'node '
    const script = `#!/bin/sh\nexec ${start}'${path}' ${first} "$@"\n`
    writeFileSync(join(commands, name), script, { mode: 0o755 })
  }
  return commands
}

/** A PATH that has Node and a shell, and no compiler. */
export function pathWithoutCompiler(folder: string): string {
  const programs = join(folder, 'programs')
  mkdirSync(programs)
  symlinkSync(process.execPath, join(programs, 'node'))
  for (const name of ['sh', 'env', 'uname']) symlinkSync(`/usr/bin/${name}`, join(programs, name))
  return programs
}

/** Runs a program there, with nothing of this process's but what it needs. */
export function runProgram(
  program: string,
  args: readonly string[],
  { folder, path, env = {} }: Install,
): Promise<Ran> {
  const inherited = Object.entries(process.env).filter(
    // Those of pnpm, which runs the tests, are not for the one that is tried.
    ([name]) => !/^(npm_|pnpm_|NODE_OPTIONS|NODE_ENV|NODE_PATH|VITEST)/i.test(name),
  )
  const own = { PATH: path, HOME: folder, CI: 'true', NO_COLOR: '1', ...env }
  return runIn(folder, program, args, { ...Object.fromEntries(inherited), ...own })
}

async function runIn(
  cwd: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Ran> {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
    const parts: string[] = []
    stream.setEncoding('utf8').on('data', (part: string) => parts.push(part))
    return () => parts.join('')
  }) as [() => string, () => string]
  const [code] = await once(child, 'close')
  return { code: code ?? -1, stdout: stdout(), stderr: stderr() }
}
