/** Real servers from Debian's packages, each an instance of its own in a temporary folder, on loopback. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RealServer {
  readonly endpoint: string
  /** Why there is no server; undefined where there is one. */
  readonly missing?: string
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

async function start(
  program: string,
  prepare: (directory: string, port: number) => string[],
): Promise<RealServer> {
  const path = find(program)
  if (!path) return { endpoint: '', missing: `${program} is not installed`, stop: async () => {} }
  const directory = mkdtempSync(join(tmpdir(), `pollout-${program}-`))
  const port = await freePort()
  const child = spawn(path, prepare(directory, port), { stdio: 'ignore', cwd: directory })
  await listening(child, port)
  return {
    endpoint: `tcp://127.0.0.1:${port}`,
    async stop() {
      if (child.exitCode === null) {
        child.kill('SIGTERM')
        await once(child, 'exit')
      }
      rmSync(directory, { recursive: true, force: true })
    },
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
