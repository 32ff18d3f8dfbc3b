/**
 * One build in a folder at a time; the others wait for it.
 *
 * The lock is a listening socket with an abstract name: unix(7). The kernel takes it back with its process, however that
 * ends, so that it never is a dead one's. Whoever waits connects to it, and its end ends that connection. It is not
 * seen from another network namespace, so containers that share a folder do not wait for each other.
 */
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { connect, createServer } from 'node:net'

/** All of `sun_path`, unix(7): Node 20 pads shorter names with NULs, and later versions do not. */
export const NAME_BYTES = 108

/** Returns how to let go of it; undefined where another build has not ended within `longestWaitMs`. */
export async function lock(folder, longestWaitMs) {
  const { dev, ino } = statSync(folder)
  const name = `\0pollout build ${dev} ${ino}`.padEnd(NAME_BYTES, '.')
  const waitUntil = performance.now() + longestWaitMs
  for (;;) {
    const release = await take(name)
    if (release !== undefined) return release
    const leftMs = waitUntil - performance.now()
    if (leftMs <= 0) return undefined
    await ended(name, leftMs)
  }
}

/** Undefined where somebody has it. */
async function take(name) {
  // One that comes before the build begins asks again; later ones are kept waiting by the kernel, as nobody accepts.
  const server = createServer((waiting) => waiting.destroy())
  server.listen(name)
  try {
    await once(server, 'listening')
  } catch (error) {
    if (error.code === 'EADDRINUSE') return undefined
    // No such sockets here: a build without a lock is better than none.
    return () => {}
  }
  return () => server.close()
}

/** The one who has it lets go of it, or the time is over. */
async function ended(name, longestWaitMs) {
  const socket = connect(name)
  const timer = setTimeout(() => socket.destroy(), longestWaitMs)
  // An error is a reset, or a refusal where it has ended meanwhile: 'close' follows.
  await new Promise((resolve) => socket.on('error', () => {}).on('close', resolve))
  clearTimeout(timer)
}
