/** Where this package's files are, seen from its sources and from what is built of them. */
import { fileURLToPath } from 'node:url'

const NAME = '/kernel-tests/'
const here = fileURLToPath(import.meta.url)
const root = here.slice(0, here.lastIndexOf(NAME) + NAME.length)

/** Absolute path of a file of this package. */
export function place(file: string): string {
  return root + file
}
