/** The command's grammar: subcommands, options, their defaults and help. */
import { Command, Option } from 'commander'
import { BACKEND_NAMES } from '../choose-backend.js'
import { buildAddonCommand } from './build-addon-command.js'
import { ExitCode } from './common/exit-codes.js'
import { resolverChoice } from './common/resolver.js'
import { type ConnectCommandOptions, connectCommand } from './connect-command.js'
import { doctorCommand } from './doctor-command.js'
import { fanoutCommand } from './fanout/fanout-command.js'
import type { FanoutCommandOptions } from './fanout/fanout-options.js'
import {
  BUILD_ADDON_HELP,
  CONNECT_HELP,
  DOCTOR_HELP,
  FANOUT_HELP,
  LOAD_HELP,
  MAIN_HELP,
} from './help.js'
import type { LoadCommandOptions } from './load/load-options.js'
import {
  duration,
  durationOrNone,
  header,
  requestParts,
  stages,
  thresholds,
} from './load/load-values.js'
import {
  bannerBytes,
  bytes,
  concurrency,
  count,
  escapedText,
  expected,
  file,
  files,
  hostErrors,
  kinds,
  lengthPrefix,
  list,
  loadThreads,
  method,
  ports,
  rate,
  retries,
  seed,
  seedNumber,
  shard,
  textOrInput,
  threads,
  timeoutMs,
} from './option-values.js'

const DEFAULT_TIMEOUT_MS = 10_000
const ANSWER_TIMEOUT_MS = 60_000

/** Moderate: what a home router stands, and what nobody takes for an attack. Enough are in flight for all to be silent. */
const FANOUT_RATE = 1_000
/** The kernel says of a neighbour that is not there after 3.05 s that it is unreachable; a second SYN is repeated after 3 s. */
const FANOUT_TIMEOUT_MS = 4_000
const FANOUT_CONCURRENCY = 4_000
const PROBE_TIMEOUT_MS = 5_000

const USUAL_DURATION_MS = 10_000

export interface Program {
  readonly command: Command
  /** What the subcommand ended with. */
  exitCode: ExitCode
}

export interface ProgramOutput {
  /** Gets commander's lines about wrong usage. */
  readonly refused: (text: string) => void
  /** Gets help and version that were asked for. */
  readonly shown: (text: string) => void
}

/** Throws commander's errors instead of ending the process. */
export function createProgram(version: string, output: ProgramOutput): Program {
  const command = new Command('pollout')
  const program: Program = { command, exitCode: ExitCode.ALL_CONNECTED }
  // Subcommands inherit these settings, so they come first.
  command.exitOverride().configureOutput({ outputError: output.refused, writeOut: output.shown })
  command
    .description('Connects to TCP and Unix-domain endpoints: to a few, or to very many at once.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', MAIN_HELP)

  command
    .command('connect')
    .summary('try some endpoints, and talk to them')
    .description('Connects to each endpoint and tells how it went.')
    .argument('<endpoint...>', 'what to connect to: host:port, or a URI as below')
    .addOption(backendOption())
    .addOption(resolverOption())
    .addOption(timeoutOption('for each connect, and of silence with --send', DEFAULT_TIMEOUT_MS))
    .option(
      '--send <text>',
      'send this, with escapes \\r \\n \\t \\0 \\xHH \\\\; - for standard input',
      textOrInput,
    )
    .option('--answer-timeout-ms <n>', 'for the whole answer', timeoutMs, ANSWER_TIMEOUT_MS)
    .option('--insecure', 'with tls://: take any certificate')
    .option('--json', 'one JSON object a line instead of text')
    .addHelpText('after', CONNECT_HELP)
    .action(async (endpoints: string[], options: ConnectCommandOptions) => {
      program.exitCode = await connectCommand(endpoints, options)
    })

  addFanout(command).action(async (targets: string[], options: FanoutCommandOptions) => {
    program.exitCode = await fanoutCommand(targets, options)
  })

  addLoad(command).action(async (targets: string[], options: LoadCommandOptions) => {
    // By itself: what makes load is in no other command's memory.
    const { loadCommand } = await import('./load/load-command.js')
    program.exitCode = await loadCommand(targets, options)
  })

  command
    .command('doctor')
    .summary('which backend works here, and why')
    .description(
      'Tells which backend works here, tries it, and tells what would help where that is the slower one.',
    )
    .option('--json', 'one JSON object instead of text')
    .addHelpText('after', DOCTOR_HELP)
    .action(async (options: { readonly json?: boolean }) => {
      program.exitCode = await doctorCommand(options)
    })
  command
    .command('build-addon')
    .summary('compile the native backend for this machine')
    .description(
      'Compiles the addon of the native backend, for a machine that the package carries none for.',
    )
    .option('-o, --output <file>', 'to this file, and not into the package', file)
    .addHelpText('after', BUILD_ADDON_HELP)
    .action(async (options: { readonly output?: string }) => {
      program.exitCode = await buildAddonCommand(options)
    })
  return program
}

function addFanout(command: Command): Command {
  const fanout = command
    .command('fanout')
    .summary('try very many: hosts, CIDR blocks, port ranges, lists')
    .description('Connects to every target, many at once, tells what became of each, and sums up.')
    .argument('[target...]', 'hosts, CIDR blocks, host:port or URIs, besides those of -l')
    .addHelpText('after', FANOUT_HELP)
  fanout
    .optionsGroup('Targets:')
    .option('-l, --list <file>', "a target a line; '-' for standard input; may be repeated", files)
    .option('-p, --ports <list>', 'for hosts without: 22,80,8000-8010, or - for all', ports)
    .option('--exclude <list>', 'hosts, CIDR blocks, ranges, host:ports, :ports', list)
    .option('--exclude-file <file>', 'the same, one a line; may be repeated', files)
    .option('--allow <blocks>', 'deny all but these, also to what names stand for', list)
    .option('--deny <blocks>', 'deny these, also to what names stand for', list)
    .option('--public-only', 'deny all that is not the public internet')
  fanout
    .optionsGroup('Order:')
    .option('--seed <text>', 'of the random order (default: a random one, told)', seed)
    .option('--no-shuffle', 'in the order of the list')
    .option('--shard <i/n>', 'only the i-th of n parts; together they are everything', shard)
    .option('--stream', 'as they are read, before the list has come to its end')
  fanout
    .optionsGroup('Pace:')
    .option('--rate <n>', 'connects begun per second', rate, FANOUT_RATE)
    .option('-c, --concurrency <n>', 'connects in flight at once', concurrency, FANOUT_CONCURRENCY)
    .option('--max-per-host <n>', 'connects in flight to one host', concurrency)
    .option('--max-per-prefix <n>', 'the same to one /24, or /48 of IPv6', concurrency)
    .option('--adaptive', 'fewer in flight while more than usual get no answer')
    .addOption(timeoutOption('for each connect', FANOUT_TIMEOUT_MS))
    .option('--retries <n>', 'further tries, 1 s, 2 s, 4 s ... later', retries, 0)
    .addOption(
      new Option('--retry-on <kinds>', 'outcomes to try again')
        .argParser(kinds)
        .default(['timed-out', 'unreachable', 'local'], 'timed-out,unreachable,local'),
    )
    .option('--max-host-errors <n>', 'skip a host that has not answered so often', hostErrors)
  fanout
    .optionsGroup('On each connection:')
    .option('--tls', 'make a TLS handshake, and tell whose certificate it is')
    .option('--sni <name>', "the name to ask for (default: the target's)")
    .option('--send <text>', 'send this, with escapes \\r \\n \\t \\0 \\xHH \\\\', escapedText)
    .option('--expect <text>', 'read until this comes, or fail; or /pattern/flags', expected)
    .option('--banner [bytes]', 'keep the beginning of what the peer sends (1024)', bannerBytes)
    .option('--tls-timeout-ms <n>', 'for the handshake', timeoutMs, PROBE_TIMEOUT_MS)
    .option('--answer-timeout-ms <n>', 'for what the peer sends', timeoutMs, PROBE_TIMEOUT_MS)
  fanout
    .optionsGroup('Output:')
    .option('--json', 'a JSON object a line and target, instead of a table of those that connected')
    .option('--csv', 'the same as CSV')
    .option('-o, --output <file>', 'to a file instead of standard output, which is -', file)
    .option('--only <kinds>', 'only these outcomes, or all', kinds)
    .option('--checkpoint <file>', 'keep there how far it has come; needs -o', file)
    .option('--resume', 'go on where the checkpoint says')
    .option(
      '--report <file>',
      'a page with charts of it all, written at the end: one HTML file, or -',
      file,
    )
    .option('--progress', 'tell the progress also where stderr is no terminal')
    .option('--silent', 'outcomes only')
  fanout
    .optionsGroup('Options:')
    .addOption(resolverOption())
    .addOption(backendOption())
    .option(
      '--threads <n>',
      'poller threads of the native backend; 0: its event loop (default: 1)',
      threads,
    )
  return fanout
}

function addLoad(command: Command): Command {
  const load = command
    .command('load')
    .summary('send requests at a rate, and measure how a server bears it')
    .description(
      'Sends requests to a server at a planned rate, and tells how long each took, and why.',
    )
    .argument('<target...>', 'http://host/path, redis://host, tcp://host:port, unix:/path, ...')
    .addHelpText('after', LOAD_HELP)
  load
    .optionsGroup('Pace:')
    .option('-R, --rate <n>', 'requests a second, whatever the server does (default: 1000)', rate)
    .option('--poisson', 'at random moments of that rate, as of many users')
    .option('--stages <list>', 'rates over time: 1000:10s,=1000:30s', stages)
    .option('--closed', 'as fast as the answers come: each connection waits for its own')
    .option('-d, --duration <time>', 'how long: 10s, 500ms, 2m', duration, USUAL_DURATION_MS)
    .option('--warm-up <time>', 'the first of it, which is not counted', durationOrNone, 0)
    .option('--seed <n>', 'of all chance (default: a random one, told)', seedNumber)
  load
    .optionsGroup('Connections:')
    .option('-c, --connections <n>', 'at once', concurrency, 64)
    .option('--requests-per-connection <n>', 'then it is closed (default: it is kept)', count)
    .option('--pipeline <n>', 'requests under way on one connection', count, 1)
    .addOption(timeoutOption('for a connect, and for a response', DEFAULT_TIMEOUT_MS))
    .option('--insecure', 'take any certificate')
  load
    .optionsGroup('Requests:')
    .option('-X, --method <name>', 'of HTTP (default: GET)', method)
    .option('-H, --header <line>', "'Name: value'; may be repeated", header)
    .option('--body <text>', 'of HTTP, with escapes and fields', requestParts)
    .option('--send <text>', 'the whole request, with escapes and fields', requestParts)
  load
    .optionsGroup('Responses:')
    .option('--http', 'are of HTTP/1.1; so by http:// and https://')
    .option('--resp', 'are of Redis; so by redis://')
    .option('--until <text>', 'end with this, with escapes', escapedText)
    .option('--bytes <n>', 'have so many', bytes)
    .option('--length-prefix <n>', 'have their length in front, in 1, 2 or 4 bytes', lengthPrefix)
    .option('--expect <text>', 'have this in them, or count as failed', escapedText)
    .option('--no-kernel-times', 'do not ask the kernel when bytes came')
  load
    .optionsGroup('Output:')
    .option(
      '--threshold <text>',
      "fail unless 'p99<5ms', 'errors<0.1%', ...; repeatable",
      thresholds,
    )
    .option('--json', 'the whole result as one JSON object')
    .option('--progress', 'tell the progress also where stderr is no terminal')
    .option('--silent', 'the result only')
  load
    .optionsGroup('Options:')
    .addOption(resolverOption())
    .addOption(backendOption())
    .option(
      '-t, --threads <n>',
      'that send and receive, on the native backend (default: 1)',
      loadThreads,
    )
  return load
}

function backendOption(): Option {
  return new Option(
    '--backend <name>',
    'native (epoll), net (portable), or auto: native where it works',
  )
    .choices(BACKEND_NAMES)
    .default('auto')
}

function resolverOption(): Option {
  return new Option(
    '--resolver <who>',
    'who knows the addresses of names: dns, system, or DNS servers (default: dns)',
  ).argParser(resolverChoice)
}

function timeoutOption(what: string, defaultMs: number): Option {
  return new Option('--timeout, --timeout-ms <n>', `longest time ${what}, in milliseconds`)
    .argParser(timeoutMs)
    .default(defaultMs)
}
