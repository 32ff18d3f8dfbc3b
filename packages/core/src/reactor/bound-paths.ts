/**
 * Files that bind(2) has made for connects from a unix path: each goes with its socket. A file that has taken its place
 * since is somebody else's and stays; so does that of a socket that was given away, and what a process leaves behind that
 * ends with its sockets open, as with every other program.
 */
import { lstatSync, unlinkSync } from 'node:fs'
import type { Handle } from '../backend/backend.js'
import { encodeUnixPath } from '../backend/unix-path.js'

interface BoundFile {
  readonly path: Buffer
  readonly dev: bigint
  readonly ino: bigint
}

export class BoundPaths {
  readonly #files = new Map<Handle, BoundFile>()

  /** A socket was bound just now; not to an abstract name, which needs no clearing away. */
  made(handle: Handle, path: string): void {
    const file = path === '' || path.startsWith('\0') ? undefined : fileAt(absolute(path))
    if (file) this.#files.set(handle, file)
  }

  /** The socket is closed. */
  closed(handle: Handle): void {
    if (this.#files.size === 0) return
    const made = this.#files.get(handle)
    if (made === undefined) return
    this.#files.delete(handle)
    const there = fileAt(made.path)
    if (there?.dev !== made.dev || there.ino !== made.ino) return
    try {
      unlinkSync(made.path)
    } catch {
      // Its folder may be read-only by now: nothing that a connection's user could mend.
    }
  }

  /** All of them are closed. */
  allClosed(): void {
    for (const handle of this.#files.keys()) this.closed(handle)
  }

  /** The socket is somebody else's from now on. */
  given(handle: Handle): void {
    this.#files.delete(handle)
  }
}

function absolute(path: string): Buffer {
  const bytes = encodeUnixPath(path)
  return path.startsWith('/') ? bytes : Buffer.concat([Buffer.from(`${process.cwd()}/`), bytes])
}

/** Undefined where there is none, as where the sockets are not the kernel's. */
function fileAt(path: Buffer): BoundFile | undefined {
  try {
    const { dev, ino } = lstatSync(path, { bigint: true })
    return { path, dev, ino }
  } catch {
    return undefined
  }
}
