/** The servers that the demo connects to: started for it on loopback, and ended with it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Servers {
  readonly echoPort: number
  readonly echoPath: string
  /** Nobody listens here. */
  readonly closedPort: number
  /** Somebody listens here, and never answers. */
  readonly silentPort: number
  /** Idempotent. */
  stop(): void
}

export async function startServers(): Promise<Servers> {
  const directory = mkdtempSync(join(tmpdir(), 'pollout-demo-'))
  const echoPath = join(directory, 'echo.sock')
  const echo = fork(fileURLToPath(new URL('./echo-server.js', import.meta.url)), [echoPath])
  const silent = fork(fileURLToPath(new URL('./silent-server.js', import.meta.url)))
  const stop = (): void => {
    for (const child of [echo, silent]) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', stop)
  const [echoPort, silentPort, closedPort] = await Promise.all([
    portOf(echo),
    portOf(silent),
    freePort(),
  ])
  silent.kill('SIGSTOP')
  const fillers = await fillBacklog(silentPort)
  for (const child of [echo, silent]) {
    child.channel?.unref()
    child.unref()
  }
  return {
    echoPort,
    echoPath,
    closedPort,
    silentPort,
    stop() {
      for (const filler of fillers) filler.destroy()
      stop()
    },
  }
}

async function portOf(child: ChildProcess): Promise<number> {
  const failed = once(child, 'exit').then(() => {
    throw new Error('a server of the demo ended before it listened')
  })
  const [message] = await Promise.race([once(child, 'message'), failed])
  return (message as { port: number }).port
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** A backlog of one holds two, and one more lingers half-open; the rest get no answer. */
async function fillBacklog(port: number) {
  const fillers = Array.from({ length: 4 }, () => connect({ host: '127.0.0.1', port }))
  for (const filler of fillers) filler.on('error', () => {}).unref()
  await once(fillers[0] as (typeof fillers)[0], 'connect')
  await once(fillers[1] as (typeof fillers)[0], 'connect')
  return fillers
}
