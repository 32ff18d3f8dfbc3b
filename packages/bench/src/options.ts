/** The command line. */
import { parseArgs } from 'node:util'
import { CONTESTANTS } from './job.js'
import { matches, SCENARIOS, type Scenario } from './scenarios.js'

export interface Options {
  readonly help: boolean
  readonly rounds: number
  readonly quick: boolean
  readonly only: string
  readonly json: string | undefined
  readonly assert: boolean
}

/** Its message is all that the user is told. */
export class UsageError extends Error {}

const DEFAULT_ROUNDS = 7
const MOST_ROUNDS = 100

export const HELP = `Usage: pnpm bench [options]

Measures connects on loopback against a raw C epoll client, node:net, and Bun, Deno and Go where
they are installed. The whole takes about half an hour, --quick a minute.

accepted   connect and reset, 256 in flight, to an accepting server at four addresses: the rate,
           the CPU time of a connect, and that of the JavaScript thread alone
refused    the same to a closed port; scattered: the same at 2,000 addresses
burst      the loop's delay while 10,000 start at once
storm      the loop's delay while 100,000 run, 10,000 in flight: in a process's first storm, and
           once V8 has compiled the code
cancel     15,000 that nobody answers are cancelled: until the last descriptor is free. C does
           nothing but close(2) with them
pacing-10  how well 10 starts a second are kept to for 10 s; pacing-1000 and pacing-20000 likewise
idle       the memory of an idle open connection
handshake  what 10,000 handshakes are said to take that start at once, to a peer in a network
           namespace of its own: by a program's own clock, by elapsedMs, and by the timeline. The
           peer's answers come over a line that holds back each for 40 ms; in handshake-veth over
           a bare pair of veth devices, where all of a handshake is done inside connect(2) and a
           loop's delay is all that can be measured. C looks for what has ended after every 8
           connects, and asks the kernel too. Both need root, a TUN device, and the programs
           unshare, nsenter, setpriv and ip, and are skipped without them
pingpong-1000, pingpong-1, stream-in-100, stream-in-1, stream-out-100, stream-out-1
           what so many open connections carry, to and from a server in C: messages of 64 bytes to
           and fro, a stream received, a stream sent. node:net listens to 'data' and writes,
           pollout subscribes to connection.received and calls connection.send(). Skipped without
           a C compiler: a slower server would be what is measured
long-list  10,000,000 targets, all different, one in 1,000 accepted: the growth of memory, and the
           rate beside that of 100,000. Takes 20 minutes, and is run only where --only names it

The native backend lets a socket that was reset connect again, at once and to the same address
and port. That makes accepted and refused faster and does nothing for scattered. So
there are two rows of C: one makes a new socket for each connect, and is what the others are
compared with; the other keeps every socket until it can connect again.

Bun and Deno are taken from the PATH, or from where "pnpm bench:yardsticks" puts them (200 MB, from
npm, in the bench's own folder); Go from the PATH. Deno can't reset a connection, so it closes.

The speed of node:net depends on what stderr is: with a file there it is slower, by a quarter on
refusals. All contestants have a pipe, so the comparison is with node:net at its best.

  --rounds N      how often all take their turn, 1 to ${MOST_ROUNDS} (default ${DEFAULT_ROUNDS})
  --only PATTERN  only scenarios and contestants with this in their name, and what they are
                  compared with; e.g. refused, burst, native, "idle native"
  --quick         one short round of all: shows that it works, says nothing about speed
  --json FILE     where to write the results (default bench-results/<time>.json)
  --assert        exit with 1 when a target is missed
  --help          this text
`

/** Throws {@link UsageError}. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parse(args)
  const { help = false, quick = false, assert = false, only = '', json } = values
  const rounds = values.rounds === undefined ? undefined : wholeNumber(values.rounds)
  if (json === '') throw new UsageError('--json needs the name of a file')
  if (!asksFor({ only }, () => true)) {
    const names = [...SCENARIOS, ...CONTESTANTS.map(({ title }) => title)]
    throw new UsageError(`--only ${only} matches nothing; there are ${names.join(', ')}`)
  }
  return { help, quick, assert, only, json, rounds: rounds ?? (quick ? 1 : DEFAULT_ROUNDS) }
}

/** Whether any of these scenarios is to be measured. */
export function asksFor(
  { only }: Pick<Options, 'only'>,
  which: (scenario: Scenario) => boolean,
): boolean {
  return SCENARIOS.filter(which).some((scenario) =>
    CONTESTANTS.some(({ id }) => matches(only, scenario, id)),
  )
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        rounds: { type: 'string' },
        quick: { type: 'boolean' },
        only: { type: 'string' },
        json: { type: 'string' },
        assert: { type: 'boolean' },
      },
    })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    // Node adds hints on how to write what nobody meant.
    throw new UsageError(message.split(/[.\n]\s/, 1)[0] ?? message)
  }
}

function wholeNumber(text: string): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= MOST_ROUNDS) return number
  throw new UsageError(`--rounds takes a whole number from 1 to ${MOST_ROUNDS}, not ${text}`)
}
