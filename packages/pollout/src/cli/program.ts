/** The command's grammar: subcommands, options, their defaults and help. */
import { Command, Option } from 'commander'
import { BACKEND_NAMES } from '../choose-backend.js'
import { type ConnectCommandOptions, connectCommand } from './connect-command.js'
import { ExitCode } from './exit-codes.js'
import { type FanoutCommandOptions, fanoutCommand } from './fanout-command.js'
import { CONNECT_HELP, FANOUT_HELP, MAIN_HELP } from './help.js'
import { concurrency, escapedText, rate, timeoutMs } from './option-values.js'

const DEFAULT_TIMEOUT_MS = 10_000
const DEFAULT_CONCURRENCY = 1_000

export interface Program {
  readonly command: Command
  /** What the subcommand ended with. */
  exitCode: ExitCode
}

/** Throws commander's errors instead of ending the process. `refused` gets commander's lines about wrong usage. */
export function createProgram(version: string, refused: (text: string) => void): Program {
  const command = new Command('pollout')
  const program: Program = { command, exitCode: ExitCode.ALL_CONNECTED }
  // Subcommands inherit these settings, so they come first.
  command.exitOverride().configureOutput({ outputError: (text) => refused(text) })
  command
    .description('Connects to TCP and Unix-domain endpoints: to a few, or to very many at once.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', MAIN_HELP)

  command
    .command('connect')
    .summary('try some endpoints, and talk to them')
    .description('Connects to each endpoint and tells how it went.')
    .argument('<endpoint...>', 'what to connect to')
    .addOption(backendOption())
    .addOption(timeoutOption('for each connect, and of silence with --send'))
    .option('--send <text>', 'send this, with escapes \\r \\n \\t \\0 \\xHH \\\\', escapedText)
    .option('--json', 'one JSON object a line instead of text')
    .addHelpText('after', CONNECT_HELP)
    .action(async (endpoints: string[], options: ConnectCommandOptions) => {
      program.exitCode = await connectCommand(endpoints, options)
    })

  command
    .command('fanout')
    .summary('try all endpoints of a list')
    .description('Connects to every endpoint of a list, many at once, and sums up.')
    .argument('[file]', "the list; '-', or nothing where one is piped in, for standard input")
    .addOption(backendOption())
    .option('--concurrency <n>', 'connects in flight at once', concurrency, DEFAULT_CONCURRENCY)
    .option('--rate <n>', 'connects begun per second (default: no limit)', rate)
    .addOption(timeoutOption('for each connect'))
    .option('--json', 'one JSON object a line and target; the summary goes to standard error')
    .addHelpText('after', FANOUT_HELP)
    .action(async (file: string | undefined, options: FanoutCommandOptions) => {
      program.exitCode = await fanoutCommand(file, options)
    })
  return program
}

function backendOption(): Option {
  return new Option(
    '--backend <name>',
    'native (epoll), net (portable), or auto: native where it works',
  )
    .choices(BACKEND_NAMES)
    .default('auto')
}

function timeoutOption(what: string): Option {
  return new Option('--timeout-ms <n>', `longest time ${what}, in milliseconds`)
    .argParser(timeoutMs)
    .default(DEFAULT_TIMEOUT_MS)
}
