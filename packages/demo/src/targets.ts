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
  const target: Record<Kind, Target> = {
    accepting: tcp('127.0.0.1', servers.echoPort),
    refused: tcp('127.0.0.1', servers.closedPort),
    unix: unix(servers.echoPath),
    malformed: 'tcp://127.0.0.1:70000',
    silent: tcp('127.0.0.1', servers.silentPort),
  }
  for (let i = 0; i < count; i++) yield target[KINDS[(i * STEP) % KINDS.length] as Kind]
}
