/** The C programs that the contestants are compared with, and that serve them. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build, root } from './build.js'

/** Each with its source in yardstick/. */
const SOURCES = {
  client: 'connect',
  cancel: 'cancel',
  server: 'server',
  handshake: 'handshake',
  transfer: 'transfer',
  transferServer: 'transfer-server',
} as const

/** Paths of all of them, or why there are none. */
export type Yardstick =
  | { readonly [program in keyof typeof SOURCES]: string }
  | { readonly missing: string }

export function compileYardstick(): Yardstick {
  if (process.platform !== 'linux')
    return { missing: `epoll needs Linux, this is ${process.platform}` }
  try {
    const compiler = findCompiler()
    const programs = Object.entries(SOURCES).map(([id, name]) => [id, compile(compiler, name)])
    return Object.fromEntries(programs) as Record<keyof typeof SOURCES, string>
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) }
  }
}

/** Apart from the others: it needs the kernel's headers. Throws where it does not compile. */
export function compileDelay(): string {
  return compile(findCompiler(), 'delay')
}

function compile(compiler: string, name: string): string {
  const inYardstick = (file: string) => join(root, 'yardstick', file)
  const command = [compiler, '-O2', '-Wall', '-Wextra'] as const
  return build(name, command, [inYardstick(`${name}.c`), inYardstick('common.h')])
}

function findCompiler(): string {
  const names = process.env['CC'] ? [process.env['CC']] : ['cc', 'gcc', 'clang']
  const works = (name: string) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0
  const found = names.find(works)
  if (found === undefined) throw new Error('no C compiler')
  return found
}
