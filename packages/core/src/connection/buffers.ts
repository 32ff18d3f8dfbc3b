/** Buffers that users give: theirs to transfer, to shrink and to let grow, at any time. */
import { type Failure, ownFailure } from '../errors.js'

/** Its memory is gone: transferred to a thread, grown by WebAssembly, or resized to less than where it begins. */
export function isDetached(data: Uint8Array): boolean {
  if (data.length > 0) return false
  try {
    // Throws for such an array, and not for one that is empty; Node 20 has no other way to see the difference.
    data.at(0)
    return false
  } catch {
    return true
  }
}

/** What was given to be sent is not there any more. */
export function lostFailure(): Failure {
  const reason =
    'the buffer was transferred, or has shrunk, before all of it was sent: wait for send() before'
  return { ...ownFailure('ERR_BUFFER_LOST', 'send', 'send', reason), localFault: true }
}
