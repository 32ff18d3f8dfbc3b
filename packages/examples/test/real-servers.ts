/** Real servers from Debian's packages, each an instance of its own in a temporary folder, on loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RealServer {
  readonly endpoint: string
  /** Why there is no server; undefined where there is one. */
  readonly missing?: string
  /** Kills it, and starts it anew at the same endpoint; resolves when that answers. */
  restart(): Promise<void>
  /** From when this resolves its kernel still accepts and acknowledges, and it answers nothing: SIGSTOP. */
  pause(): Promise<void>
  resume(): void
  stop(): Promise<void>
}

export function startNginx(): Promise<RealServer> {
  return start('nginx', (directory, port) => {
    const config = [
      'daemon off; master_process off; pid nginx.pid; error_log stderr;',
      'events {}',
      `http { access_log off; server { listen 127.0.0.1:${port}; } }`,
    ]
    writeFileSync(join(directory, 'nginx.conf'), config.join('\n'))
    return ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr']
  })
}

export function startRedis(): Promise<RealServer> {
  return start('redis-server', (directory, port) => {
    const bind = ['--bind', '127.0.0.1', '--port', String(port)]
    return [...bind, '--dir', directory, '--save', '', '--appendonly', 'no']
  })
}

/** Takes values of 16 MiB. */
export function startMemcached(): Promise<RealServer> {
  return start('memcached', (_, port) => {
    const { username } = userInfo()
    return ['-u', username, '-l', '127.0.0.1', '-p', String(port), '-I', '16m', '-m', '256']
  })
}

async function start(
  program: string,
  prepare: (directory: string, port: number) => string[],
): Promise<RealServer> {
  const path = find(program)
  if (!path) return missing(`${program} is not installed`)
  const directory = mkdtempSync(join(tmpdir(), `pollout-${program}-`))
  const port = await freePort()
  const args = prepare(directory, port)
  const launch = async (): Promise<ChildProcess> => {
    const child = spawn(path, args, { stdio: 'ignore', cwd: directory })
    await listening(child, port)
    return child
  }
  let child = await launch()
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }
  return {
    endpoint: `tcp://127.0.0.1:${port}`,
    async restart() {
      await end('SIGKILL')
      child = await launch()
    },
    async pause() {
      child.kill('SIGSTOP')
      await stopped(child)
    },
    resume: () => void child.kill('SIGCONT'),
    async stop() {
      child.kill('SIGCONT')
      await end('SIGTERM')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function missing(reason: string): RealServer {
  const nothing = async (): Promise<void> => {}
  return {
    ...{ endpoint: '', missing: reason, resume() {} },
    ...{ pause: nothing, restart: nothing, stop: nothing },
  }
}

/** Debian keeps servers in sbin, which is not on everybody's PATH. */
function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  return folders
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path)
        return true
      } catch {
        return false
      }
    })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** kill(2) does not wait until each thread has taken notice, and Node has no event for it: proc(5) is asked. */
async function stopped({ pid }: ChildProcess): Promise<void> {
  const tasks = `/proc/${pid}/task`
  const state = (task: string): string | undefined =>
    /^State:\s+(\S)/m.exec(readFileSync(`${tasks}/${task}/status`, 'utf8'))?.[1]
  while (!readdirSync(tasks).every((task) => state(task) === 'T')) await sleep(1)
}

/** There is no event for another program's listening: it is asked until it answers, or ends. */
async function listening(child: ChildProcess, port: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`)
    const socket = connect({ host: '127.0.0.1', port })
    const answered = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (answered) return
    await sleep(25)
  }
  throw new Error(`no answer on port ${port}`)
}
