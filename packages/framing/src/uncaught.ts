/**
 * Errors of other people's callbacks: reported as uncaught, and kept from doing harm to anybody else.
 *
 * Core has the same. Framing does not depend on core.
 */

export function guarded(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
