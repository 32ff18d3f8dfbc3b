/** The conformance suite on real sockets of `node:net`. */
import { describeBackend } from '@pollout/core/conformance'
import { subject } from './subject.js'

describeBackend(subject)
