/** A gibibyte through each face of a connection, on epoll. */
import { describeFaceLoad } from '@pollout/core/conformance'
import { describeSubject } from './subject.js'

describeSubject(describeFaceLoad)
