/** A gibibyte through each face of a connection, on `node:net`. */
import { describeFaceLoad } from '@pollout/conformance'
import { subject } from './subject.js'

describeFaceLoad(subject)
