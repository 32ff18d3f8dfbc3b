/**
 * The agent: a process inside a network namespace, under an injected fault, or short of something, that runs functions
 * of program files for a test and answers with plain data. Calls run side by side. It ends when its input does.
 *
 * It is built (dist/agent.js, with the packages' own dist) instead of run by tsx: a bare `node` makes no system calls
 * of a loader's for an injected fault to hit, works under a limit of 64 descriptors, and starts in a third of the time.
 */
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import type { Answer, Call, Greeting } from './protocol.js'

function say(line: Greeting | Answer): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

async function run({ id, file, name, args }: Call): Promise<Answer> {
  try {
    const program: Record<string, (...args: readonly unknown[]) => unknown> = await import(
      pathToFileURL(file).href
    )
    const callee = program[name]
    if (callee === undefined) throw new Error(`${file} exports no ${name}`)
    return { id, value: await callee(...args) }
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => void run(JSON.parse(line)).then(say))
  // Whatever is still open or under way: nobody is left to be told of it.
  .on('close', () => process.exit(0))

say({ pid: process.pid })
