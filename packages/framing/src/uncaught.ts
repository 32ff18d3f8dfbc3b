/** Errors of other people's callbacks: reported as uncaught, and kept from doing harm to anybody else. */

export function guarded(callback: () => void): void {
  try {
    callback()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
