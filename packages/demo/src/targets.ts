/** The mixed list: for each kind of outcome some targets, in an order that mixes them. */
import { formatEndpoint, type Target, tcp, unix } from 'pollout'
import type { Servers } from './servers.js'

/** Of each 1,000 targets, how many are of which kind. */
const MIX = { accepting: 640, refused: 250, unix: 90, malformed: 15, silent: 5 }
const SPAN = Object.values(MIX).reduce((sum, count) => sum + count)
/** Shares no divisor with the span, so that stepping by it visits every place once. */
const STEP = 617

export function* mixedTargets(count: number, servers: Servers): Generator<Target> {
  const accepting = tcp('127.0.0.1', servers.echoPort)
  const refused = tcp('127.0.0.1', servers.closedPort)
  const silent = tcp('127.0.0.1', servers.silentPort)
  const local = formatEndpoint(unix(servers.echoPath))
  for (let i = 0; i < count; i++) {
    let place = (i * STEP) % SPAN
    if ((place -= MIX.accepting) < 0) yield accepting
    else if ((place -= MIX.refused) < 0) yield refused
    else if ((place -= MIX.unix) < 0) yield local
    else if ((place -= MIX.malformed) < 0) yield `tcp://127.0.0.1:${70_000 + (i % 1_000)}`
    else yield silent
  }
}
