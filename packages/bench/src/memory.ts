/** Memory without the garbage in it; needs `node --expose-gc`. */
import { setImmediate as turn } from 'node:timers/promises'

/** Finalizers and weak references take more than one. */
const COLLECTIONS = 6

export async function settledMemory(): Promise<NodeJS.MemoryUsage> {
  for (let i = 0; i < COLLECTIONS; i++) {
    globalThis.gc?.()
    await turn()
  }
  return process.memoryUsage()
}
