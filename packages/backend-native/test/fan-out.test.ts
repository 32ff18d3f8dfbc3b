/** The part of the conformance suite that goes by the bulk lane: with threads, on the loop's own thread, and without the lane. */
import { describeFanOut, realWorld } from '@pollout/conformance'
import { withoutBulkLane } from '@pollout/testing'
import { nativeBackend } from '../src/index.js'
import { describeSubject } from './subject.js'

const LANES = {
  'native with threads: 0': nativeBackend({ threads: 0 }),
  'native with threads: 1': nativeBackend({ threads: 1 }),
  'native with threads: 2': nativeBackend({ threads: 2 }),
  'native without its bulk lane': withoutBulkLane(nativeBackend()),
}

for (const [name, backend] of Object.entries(LANES)) {
  describeSubject((subject) => describeFanOut({ ...subject, name, backend, world: realWorld() }))
}
