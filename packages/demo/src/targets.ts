/** The mixed list: for each kind of outcome some targets, in an order that mixes them. */
import { type Target, tcp, unix } from 'pollout'
import type { Servers } from './servers.js'

type Kind = 'accepting' | 'refused' | 'unix' | 'malformed' | 'silent'

/** Of each 1,000 targets, how many are of which kind. */
const MIX: readonly (readonly [Kind, number])[] = [
  ['accepting', 640],
  ['refused', 250],
  ['unix', 90],
  ['malformed', 15],
  ['silent', 5],
]
const KINDS = MIX.flatMap(([kind, count]) => Array<Kind>(count).fill(kind))
/** Shares no divisor with the number of places, so stepping by it visits each once, and mixes them. */
const STEP = 617

export function* mixedTargets(count: number, servers: Servers): Generator<Target> {
  const target: Record<Kind, readonly Target[]> = {
    accepting: servers.acceptingPorts.map((port) => tcp('127.0.0.1', port)),
    refused: [tcp('127.0.0.1', servers.closedPort)],
    unix: [unix(servers.acceptingPath)],
    malformed: ['tcp://127.0.0.1:70000'],
    silent: [tcp('127.0.0.1', servers.silentPort)],
  }
  for (let i = 0; i < count; i++) {
    const targets = target[kindOf(i)]
    yield targets[i % targets.length] as Target
  }
}

/** How many of so many are meant to time out. */
export function silentAmong(count: number): number {
  const isSilent = (kind: Kind): boolean => kind === 'silent'
  const rest = Array.from({ length: count % KINDS.length }, (_, i) => kindOf(i))
  const rounds = Math.floor(count / KINDS.length)
  return rounds * KINDS.filter(isSilent).length + rest.filter(isSilent).length
}

function kindOf(i: number): Kind {
  return KINDS[(i * STEP) % KINDS.length] as Kind
}
