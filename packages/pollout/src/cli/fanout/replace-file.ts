/** Puts a file in the place of what is there: whole or not at all, whatever ends the process or the power. */
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Where it is written first: rename(2) works inside one file system only. */
export function temporaryOf(path: string): string {
  return `${path}.pollout-tmp`
}

/** The new file is open for what is to be appended. Rejects with the system's error, and leaves all as it was then. */
export async function replaceFile(path: string, text: string, mode: number): Promise<FileHandle> {
  const temporary = temporaryOf(path)
  // What a killed run has left. Never written through: it might be a link to something else.
  await rm(temporary, { force: true })
  const handle = await open(temporary, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.sync()
    await rename(temporary, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await handle.close()
    await rm(temporary, { force: true })
    throw error
  }
  return handle
}

/**
 * rename(2) and creat(2) change the folder, which is a file of its own: fsync(2), notes. Not every file system can do
 * that; the file is there all the same, and only a power failure could tell the difference.
 */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().catch(() => {})
  await handle.close()
}
