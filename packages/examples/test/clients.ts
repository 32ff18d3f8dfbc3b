/** What the tests of the clients have in common: the backends, and what a promise was rejected with. */
import { randomFillSync } from 'node:crypto'
import { isNativeBackendAvailable } from 'pollout'

export const BACKENDS = ['native', 'net'] as const

/** Why a backend can't be had here; undefined where it can. */
export function missingBackend(name: (typeof BACKENDS)[number]): string | undefined {
  if (name === 'net') return undefined
  const native = isNativeBackendAvailable()
  return native.available ? undefined : native.reason
}

/** Fails where the promise is fulfilled. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`it was fulfilled, with ${String(value)}`)
}

/** Bytes of every kind, line ends among them. */
export function randomBytes(size: number): Buffer {
  return randomFillSync(Buffer.allocUnsafe(size))
}
