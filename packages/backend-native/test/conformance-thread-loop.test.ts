/**
 * The conformance suite on the native backend without libuv, as Bun and Deno have it: what fan-outs have a part in, and with
 * `POLLOUT_CONFORMANCE=all` the whole, which takes a minute more.
 */
import { describeBackend, describeFanOut } from '@pollout/conformance'
import { nativeBackend } from '../src/index.js'
import { describeSubject } from './subject.js'

const whole = process.env['POLLOUT_CONFORMANCE'] === 'all'

describeSubject(whole ? describeBackend : describeFanOut, {
  name: 'native on a thread loop',
  backend: nativeBackend({ loop: 'thread' }),
  module: {
    directory: import.meta.dirname,
    specifier: new URL('./fixtures/thread-loop.mjs', import.meta.url).href,
    name: 'threadLoopBackend',
  },
})
