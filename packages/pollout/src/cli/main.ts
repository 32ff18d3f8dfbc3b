/** Runs the command: arguments in, exit code out; whatever goes wrong is one line on stderr. */
import { CommanderError } from 'commander'
import { say } from './console.js'
import { ExitCode, messageOf, UsageError } from './exit-codes.js'
import { isSystemError } from './open-reactor.js'
import { createProgram } from './program.js'

export async function main(args: readonly string[], version: string): Promise<ExitCode> {
  const subcommand = args[0] === 'connect' || args[0] === 'fanout' ? ` ${args[0]}` : ''
  const refuse = (message: string): void => {
    say(`${message.replace(/^error: /, '').trim()} (see pollout${subcommand} --help)`)
  }
  const program = createProgram(version, refuse)
  try {
    await program.command.parseAsync(args, { from: 'user' })
    return program.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return commanderExitCode(error)
    if (error instanceof UsageError) {
      refuse(error.message)
      return ExitCode.WRONG_USAGE
    }
    if (!isSystemError(error)) throw error
    say(messageOf(error))
    return ExitCode.SOME_FAILED
  }
}

/** Help that was asked for is a success; help because nothing was asked for is not. */
function commanderExitCode(error: CommanderError): ExitCode {
  return error.exitCode === 0 ? ExitCode.ALL_CONNECTED : ExitCode.WRONG_USAGE
}
