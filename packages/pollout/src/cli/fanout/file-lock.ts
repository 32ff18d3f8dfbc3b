/**
 * What a program writes, one program writes: a file that a run writes to is the run's until its process ends.
 *
 * A lock is a listening socket with the file's name in its own: the kernel takes it back with its process, however that
 * ends, so that it never is a dead one's. Who finds it taken connects to it, and is told by whom. On Linux its name is an
 * abstract one, unix(7); on Windows a pipe's; elsewhere it is a file in the temporary folder, and one that nobody listens
 * on is a dead process's. Processes of another network namespace or another machine (NFS) are not seen.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** All of `sun_path`: Node 20 pads shorter names with NULs, and later versions do not. */
const NAME_BYTES = 108
/** It is asked again where the holder ends at this very moment. */
const MOST_TRIES = 20
/** A holder that is busy or stopped does not say who it is; nor does a stranger that has this name and sends other things. */
const ANSWER_MS = 1_000
const LONGEST_ANSWER = 10

/** Names that this process has. A process's number does not tell: in another container it may be the same. */
const held = new Set<string>()

/** Undefined where it is this process's from now on, or is already; else the number of the one that has it, 0 where that is not known. */
export async function takeLock(
  identity: string,
  platform = process.platform,
): Promise<number | undefined> {
  const name = lockName(identity, platform)
  if (held.has(name)) return undefined
  const isFile = !name.startsWith('\0') && platform !== 'win32'
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    if (await listens(name)) {
      held.add(name)
      return undefined
    }
    const holder = await ask(name)
    if (holder !== undefined) return holder
    if (isFile) rmSync(name, { force: true })
  }
  return 0
}

/** False where somebody has the name. Rejects where there are no such sockets. */
async function listens(name: string): Promise<boolean> {
  const server = createServer((asking) => {
    asking.on('error', () => {}).unref()
    asking.end(String(process.pid))
  })
  server.listen(name).unref()
  try {
    await once(server, 'listening')
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
}

export function lockName(identity: string, platform: NodeJS.Platform): string {
  const digest = createHash('sha256').update(identity).digest('hex').slice(0, 40)
  if (platform === 'linux') return `\0pollout file ${digest}`.padEnd(NAME_BYTES, '.')
  if (platform === 'win32') return `\\\\.\\pipe\\pollout-${digest}`
  return join(tmpdir(), `pollout-${digest}`)
}

/** Undefined where nobody listens any more. */
async function ask(name: string): Promise<number | undefined> {
  const socket = connect(name).setEncoding('utf8').setTimeout(ANSWER_MS)
  let isThere = false
  let answer = ''
  socket.on('connect', () => {
    isThere = true
  })
  socket.on('data', (text) => {
    answer += text
    if (answer.length > LONGEST_ANSWER) socket.destroy()
  })
  // 'close' follows each of them.
  socket.on('error', () => {}).on('timeout', () => socket.destroy())
  await new Promise((resolve) => socket.on('close', resolve))
  return isThere ? Number.parseInt(answer, 10) || 0 : undefined
}
