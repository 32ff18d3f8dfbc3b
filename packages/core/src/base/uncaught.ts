/** Errors of other people's callbacks: reported as uncaught, and kept from doing harm to anybody else. */

/** Ends the process as any uncaught error does, but not the loop over the others that this one stood in. */
export function reportUncaught(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

export function guarded(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    reportUncaught(error)
  }
}
