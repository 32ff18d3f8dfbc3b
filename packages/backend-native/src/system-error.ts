/** The addon's errors, `{ errno, syscall }`, as Node's own: with a code, and a message for people. */
import { getSystemErrorMap, types } from 'node:util'

interface AddonError extends Error {
  errno?: number
  syscall?: string
  code?: string
}

/** The same object. */
export function inNodesShape(error: Error): Error {
  const told: AddonError = error
  if (told.errno === undefined || told.syscall === undefined) return error
  const [code, reason] = getSystemErrorMap().get(told.errno) ?? [`errno ${-told.errno}`, '']
  told.code = code
  told.message = `${told.syscall} ${code}: ${reason}`
  return error
}

export function withNodesErrors<Result>(call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    // By no `instanceof`: in a context of node:vm, as Jest has them, the addon's errors are of another.
    throw types.isNativeError(error) ? inNodesShape(error) : error
  }
}
