/** The servers that the demo connects to: started for it on loopback, and ended with it. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { listenersFor } from './backlog.js'

export interface Servers {
  /** Somebody listens here, and takes every connection. */
  readonly acceptingPorts: readonly number[]
  /** The same on a unix socket. */
  readonly acceptingPath: string
  /** Nobody listens here. */
  readonly closedPort: number
  /** Somebody listens here, and never answers. */
  readonly silentPort: number
  /** Idempotent. */
  stop(): void
}

/** For so many connects in all. */
export async function startServers(connects: number): Promise<Servers> {
  const directory = mkdtempSync(join(tmpdir(), 'pollout-demo-'))
  const acceptingPath = join(directory, 'accepting.sock')
  const accepting = start('accepting-server.js', [String(listenersFor(connects)), acceptingPath])
  const silent = start('silent-server.js')
  const stop = (): void => {
    for (const child of [accepting, silent]) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', stop)
  const [acceptingPorts, [silentPort = 0], closedPort] = await Promise.all([
    portsOf(accepting),
    portsOf(silent),
    unusedPort(),
  ])
  silent.kill('SIGSTOP')
  const fillers = await fillBacklog(silentPort)
  for (const child of [accepting, silent]) {
    child.channel?.unref()
    child.unref()
  }
  return {
    acceptingPorts,
    acceptingPath,
    closedPort,
    silentPort,
    stop() {
      for (const filler of fillers) filler.destroy()
      stop()
    },
  }
}

function start(program: string, args: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(new URL(program, import.meta.url)), args)
}

async function portsOf(child: ChildProcess): Promise<readonly number[]> {
  const failed = once(child, 'exit').then(() => {
    throw new Error('a server of the demo ended before it listened')
  })
  const [message] = await Promise.race([once(child, 'message'), failed])
  return message as number[]
}

/** A port that nobody listens on: the system gives ports out from 32,768 on, and so lower ones to nobody. */
async function unusedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(1_024, 32_768)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    await new Promise((done) => server.close(done))
    if (isFree) return port
  }
}

/** A backlog of one holds two, and one more lingers half-open; the rest get no answer. */
async function fillBacklog(port: number) {
  const fillers = Array.from({ length: 4 }, () => connect({ host: '127.0.0.1', port }))
  for (const filler of fillers) filler.on('error', () => {}).unref()
  await once(fillers[0] as (typeof fillers)[0], 'connect')
  await once(fillers[1] as (typeof fillers)[0], 'connect')
  return fillers
}
