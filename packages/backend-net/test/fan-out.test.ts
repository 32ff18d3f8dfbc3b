/** The part of the conformance suite that goes by a bulk lane, on the reference one: `node:net` has none of its own. */
import { describeFanOut } from '@pollout/conformance'
import { withBulkLane } from '@pollout/testing'
import { subject } from './subject.js'

const backend = withBulkLane(subject.backend)

describeFanOut({ ...subject, name: 'net with the reference bulk lane', backend })
