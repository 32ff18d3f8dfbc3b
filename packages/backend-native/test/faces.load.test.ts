/** A gibibyte through each face of a connection, on epoll. */
import { describeFaceLoad } from '@pollout/conformance'
import { describeSubject } from './subject.js'

describeSubject(describeFaceLoad)
