/** Conformance of a Duplex with `net.Socket`: a table of what Node and clients ask of one, played on both side by side. */

import assert from 'node:assert/strict'
import type { Reactor } from '@pollout/core'
import { SOCKET_ERROR_ROWS } from './socket-rows-errors.js'
import { SOCKET_EVENT_ROWS } from './socket-rows-events.js'
import { SOCKET_FACE_ROWS } from './socket-rows-face.js'
import {
  type Answer,
  failure,
  nodesOwn,
  type Opener,
  ours,
  type Row,
  Scene,
  serve,
  type Transport,
} from './socket-sides.js'
import type { Define, Trial } from './trial.js'

const ROWS: readonly Row[] = [...SOCKET_FACE_ROWS, ...SOCKET_EVENT_ROWS, ...SOCKET_ERROR_ROWS]

export function defineSocketTests(test: Define): void {
  for (const row of ROWS) {
    for (const transport of row.on ?? ['tcp']) {
      test(
        `${transport}: ${row.what}${row.differs ? ` (not as net.Socket: ${row.differs.why})` : ''}`,
        (t) => compare(t, row, transport),
        {
          realNetwork: true,
          nodesSockets: true,
          ...(transport === 'tls' && { certificates: true }),
          ...(row.tellsBind && { capability: 'immediateErrors' }),
        },
      )
    }
  }
}

async function compare(t: Trial, row: Row, transport: Transport): Promise<void> {
  const reactors = new Map<Answer | undefined, Reactor>()
  const reactorFor = (name: Answer | undefined): Reactor => {
    const reactor = reactors.get(name) ?? t.reactor(name && { resolver: resolverOf(name) })
    reactors.set(name, reactor)
    return reactor
  }
  const expected = await seen(row, transport, nodesOwn)
  const got = await seen(row, transport, ours(reactorFor))
  if (row.differs === undefined) return assert.deepEqual(got, expected)
  assert.deepEqual(got, row.differs.seen)
  if (row.differs.byChance) return
  assert.notDeepEqual(got, expected, 'it is as net.Socket has it: the row differs no more')
}

async function seen(row: Row, transport: Transport, open: Opener): Promise<unknown[]> {
  const server = await serve(transport, row.peer)
  const scene = new Scene(open, server.place)
  try {
    await row.play(scene)
    return [...scene.seen]
  } finally {
    scene.end()
    await server.close()
  }
}

function resolverOf(name: Answer) {
  return {
    async resolve(): Promise<readonly string[]> {
      if ('fails' in name) throw failure(name.fails)
      return name
    },
  }
}
