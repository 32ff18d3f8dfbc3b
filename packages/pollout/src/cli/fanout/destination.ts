/** Where lines of outcomes go: standard output, or a file (`output-file.ts`). */
import { clearedLine } from '../common/console.js'
import { StandardOutput } from '../common/standard-output.js'

export interface Destination {
  /** For messages. */
  readonly name: string
  /** Resolves when the kernel has all of it. Rejects with the system's error, and is not to be used any more. */
  write(text: string): Promise<void>
  close(): void
}

export function standardOutput(): Destination {
  const output = new StandardOutput()
  return {
    name: output.name,
    // A line of progress may stand on the same terminal.
    write: (text) => output.write(`${clearedLine(process.stdout)}${text}`),
    close: () => {},
  }
}
