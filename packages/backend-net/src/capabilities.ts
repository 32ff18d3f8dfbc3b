/** What `node:net` and `node:dgram` can do, as data. */
import type { Capabilities } from '@pollout/core'
import { DATAGRAM_OPTIONS } from './datagram-options.js'
import { STREAM_OPTIONS } from './stream-options.js'

/** On Windows a `path` is a named pipe, which is no Unix socket. */
const HAS_UNIX = process.platform !== 'win32'

/**
 * The abstract namespace is Linux's alone: unix(7). Node 20 pads a name with NULs to the length of sun_path, which makes
 * it another name: it reaches listeners of its own making only.
 */
const TAKES_ABSTRACT_NAMES =
  process.platform === 'linux' && Number.parseInt(process.versions.node, 10) >= 22

export const CAPABILITIES: Capabilities = {
  sockets: {
    inet: ['stream', 'dgram'],
    inet6: ['stream', 'dgram'],
    unix: HAS_UNIX ? ['stream'] : [],
    vsock: [],
  },
  abstractUnix: TAKES_ABSTRACT_NAMES,
  kernelReadiness: false,
  immediateErrors: false,
  bind: true,
  options: [...new Set([...STREAM_OPTIONS, ...DATAGRAM_OPTIONS])],
  optionsByType: { stream: STREAM_OPTIONS, dgram: DATAGRAM_OPTIONS },
  eventTimes: false,
  kernelSockets: false,
}
