/** What a test's own callbacks have thrown, caught where it would end the process. */
import { turns } from './raw-backend.js'

/** The messages of what is thrown and caught by nobody until `run` is done, sorted: who reports it decides when. */
export async function uncaughtDuring(run: () => Promise<unknown>): Promise<string[]> {
  const errors: string[] = []
  process.setUncaughtExceptionCaptureCallback((error) => void errors.push(error.message))
  try {
    await run()
    // RxJS reports by a timer.
    await new Promise((resolve) => setTimeout(resolve, 1))
    await turns()
  } finally {
    process.setUncaughtExceptionCaptureCallback(null)
  }
  return errors.sort()
}
