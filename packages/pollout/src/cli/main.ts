/** Runs the command: arguments in, exit code out; whatever goes wrong is one line on stderr. */
import { type Command, CommanderError } from 'commander'
import { say } from './common/console.js'
import { CantWriteError, ExitCode, messageOf, UsageError } from './common/exit-codes.js'
import { LineOutput } from './common/line-output.js'
import { isSystemError } from './common/open-reactor.js'
import { Stop } from './common/stop.js'
import { createProgram } from './program.js'

export async function main(args: readonly string[], version: string): Promise<ExitCode> {
  const refuse = (message: string): void => {
    // Commander's hints stand on a line of their own.
    const line = suggesting(message, program.command, args[0])
      .replace(/^error: /, '')
      .trim()
      .replace(/\n/g, ' ')
    const known = program.command.commands.some((one) => one.name() === args[0])
    say(`${line} (see pollout${known ? ` ${args[0]}` : ''} --help)`)
  }
  let shown = ''
  const program = createProgram(version, { refused: refuse, shown: (text) => (shown += text) })
  try {
    const [first, about] = args
    // Of its own, commander would answer with the help of the whole.
    if (first === 'help' && about !== undefined && !about.startsWith('-')) {
      const isKnown = program.command.commands.some((c) => c.name() === about)
      if (!isKnown && about !== 'help') throw new UsageError(`unknown command '${about}'`)
    }
    await program.command.parseAsync(args, { from: 'user' })
    return program.exitCode
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? await show(shown) : ExitCode.WRONG_USAGE
    }
    if (error instanceof UsageError) {
      refuse(error.message)
      return ExitCode.WRONG_USAGE
    }
    if (error instanceof CantWriteError) {
      say(error.message)
      return ExitCode.CANT_WRITE
    }
    if (!isSystemError(error)) throw error
    say(messageOf(error))
    return ExitCode.SOME_FAILED
  }
}

/** Of an option that was begun and not ended, commander suggests what has as few letters. */
function suggesting(message: string, command: Command, subcommand: string | undefined): string {
  const [line = '', begun] = /^error: unknown option '(--\w[\w-]*)'/.exec(message) ?? []
  const { options } = command.commands.find((one) => one.name() === subcommand) ?? command
  const ways = options
    .map(({ long }) => long ?? '')
    .filter((long) => begun && long.startsWith(begun))
  return ways.length === 0 ? message : `${line} (Did you mean ${ways.join(' or ')}?)`
}

/** Help that was asked for is a success, and goes where outcomes go: its reader may leave, the disk may be full. */
async function show(text: string): Promise<ExitCode> {
  using stop = new Stop()
  const output = new LineOutput(process.stdout, stop)
  output.line(text.trimEnd())
  await output.end()
  return stop.exitCode ?? ExitCode.ALL_CONNECTED
}
