/** The conformance suite on real sockets of `node:net`. */
import { describeBackend } from '@pollout/conformance'
import { subject } from './subject.js'

describeBackend(subject)
