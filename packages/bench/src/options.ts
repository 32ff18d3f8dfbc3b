/** The command line. */
import { parseArgs } from 'node:util'
import { CONTESTANTS, type ContestantId, isYardstick } from './job.js'
import { isTransfer, TRANSFER_SCENARIOS } from './transfers.js'

export const SCENARIOS = [
  'accepted',
  'refused',
  'scattered',
  'burst',
  'idle',
  'handshake',
  'handshake-veth',
  ...TRANSFER_SCENARIOS,
] as const
export type Scenario = (typeof SCENARIOS)[number]

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

/** How a connection came about makes no difference to what it carries. */
const TRANSFERRING: readonly ContestantId[] = ['c', 'node-net', 'native-connect', 'net-connect']

const DEFAULT_ROUNDS = 7
const MOST_ROUNDS = 100

export const HELP = `Usage: pnpm bench [options]

Measures connects on loopback against a raw C epoll client and node:net: the rate of
connect-and-reset with 256 in flight, to an accepting server (accepted) and to a closed port
(refused), both at four addresses, and to a closed port at 2,000 (scattered); the loop's delay
while 10,000 start at once (burst); the memory of an idle open connection (idle).

And what 10,000 handshakes are said to take that start at once, to a peer in a network namespace
of its own: by a program's own clock, by elapsedMs, and by the timeline. The peer's answers come
over a line that holds back each for 40 ms (handshake), and then over a bare pair of veth devices,
where all of a handshake is done inside connect(2) and a loop's delay is all that can be measured
(handshake-veth). C looks for what has ended after every 8 connects, and asks the kernel too. Both
need root, a TUN device, and the programs unshare, nsenter, setpriv and ip, and are skipped
without them.

And what open connections carry, to and from a server in C: messages of 64 bytes to and fro, on
1,000 connections (pingpong-1000) and on one (pingpong-1), and a stream, received or sent, on 100
and on one (stream-in-100, stream-in-1, stream-out-100, stream-out-1). node:net listens to 'data'
and writes, pollout subscribes to connection.received and calls connection.send(). Skipped without
a C compiler: a slower server would be what is measured.

The native backend lets a socket that was reset connect again, within the loop turn and to the
same address and port. That makes the first two faster and does nothing for the third. So there
are two rows of C: one makes a new socket for each connect, and is what the others are compared
with; the other keeps every socket until it can connect again.

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

/** Every word of the pattern has to stand in the name. */
export function matches(pattern: string, scenario: Scenario, id: string): boolean {
  const title = CONTESTANTS.find((contestant) => contestant.id === id)?.title
  const name = `${scenario} ${id} ${title}`.toLowerCase()
  const words = pattern.toLowerCase().split(/\s+/)
  return takesPart(scenario, id) && words.every((word) => name.includes(word))
}

/** Whether the contestant can have a row there. */
export function takesPart(scenario: Scenario, id: string): boolean {
  if (isTransfer(scenario)) return TRANSFERRING.some((one) => one === id)
  // Node's loop and memory are looked at there.
  if (scenario === 'burst' || scenario === 'idle') return !isYardstick(id)
  return !(isHandshake(scenario) && id === 'c-reused')
}

export function isHandshake(scenario: Scenario): scenario is 'handshake' | 'handshake-veth' {
  return scenario === 'handshake' || scenario === 'handshake-veth'
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
