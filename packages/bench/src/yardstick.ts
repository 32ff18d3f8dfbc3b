/** Compiles the C programs on the spot, unless that was done since their last change. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const build = join(root, 'build')

export type Yardstick =
  | { readonly [program in Program]: string }
  | ({ readonly [program in Program]: undefined } & { readonly reason: string })

type Program = 'client' | 'cancel' | 'server' | 'handshake' | 'transfer' | 'transferServer'

export function compileYardstick(): Yardstick {
  if (process.platform !== 'linux') return missing(`epoll needs Linux, this is ${process.platform}`)
  try {
    const compiler = findCompiler()
    return {
      client: compile(compiler, 'connect'),
      cancel: compile(compiler, 'cancel'),
      server: compile(compiler, 'server'),
      handshake: compile(compiler, 'handshake'),
      transfer: compile(compiler, 'transfer'),
      transferServer: compile(compiler, 'transfer-server'),
    }
  } catch (error) {
    return missing(error instanceof Error ? error.message : String(error))
  }
}

/** Apart from the others: it needs the kernel's headers. Throws where it does not compile. */
export function compileDelay(): string {
  return compile(findCompiler(), 'delay')
}

function missing(reason: string): Yardstick {
  return {
    client: undefined,
    cancel: undefined,
    server: undefined,
    handshake: undefined,
    transfer: undefined,
    transferServer: undefined,
    reason,
  }
}

function compile(compiler: string, name: string): string {
  const source = join(root, 'yardstick', `${name}.c`)
  const changedAt = [source, join(root, 'yardstick', 'common.h')].map(changeOf)
  const program = join(build, name)
  if (existsSync(program) && changeOf(program) > Math.max(...changedAt)) return program
  mkdirSync(build, { recursive: true })
  // Renamed when it is whole: another bench may run at the same time.
  const unfinished = `${program}.${process.pid}`
  const args = ['-O2', '-Wall', '-Wextra', '-o', unfinished, source]
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (error || status !== 0) {
    throw new Error(`${name}.c does not compile: ${error?.message ?? stderr.trim().split('\n')[0]}`)
  }
  renameSync(unfinished, program)
  return program
}

function changeOf(file: string): number {
  return statSync(file).mtimeMs
}

function findCompiler(): string {
  const names = process.env['CC'] ? [process.env['CC']] : ['cc', 'gcc', 'clang']
  const works = (name: string) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0
  const found = names.find(works)
  if (found === undefined) throw new Error('no C compiler')
  return found
}
