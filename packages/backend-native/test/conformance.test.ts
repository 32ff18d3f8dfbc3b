/** The conformance suite on real sockets and epoll. */
import { describeBackend } from '@pollout/conformance'
import { describeSubject } from './subject.js'

describeSubject(describeBackend)
