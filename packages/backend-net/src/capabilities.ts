/** What `node:net` can do, as data. */
import type { AddressFamily, Capabilities } from '@pollout/core'

/** On Windows a `path` is a named pipe, which is no Unix socket. */
const HAS_UNIX = process.platform !== 'win32'

/**
 * The abstract namespace is Linux's alone: unix(7). Node 20 pads a name with NULs to the length of sun_path, which makes
 * it another name: it reaches listeners of its own making only.
 */
const TAKES_ABSTRACT_NAMES =
  process.platform === 'linux' && Number.parseInt(process.versions.node, 10) >= 22

const FAMILIES: readonly AddressFamily[] = HAS_UNIX ? ['inet', 'inet6', 'unix'] : ['inet', 'inet6']

export const CAPABILITIES: Capabilities = {
  families: FAMILIES,
  types: ['stream'],
  abstractUnix: TAKES_ABSTRACT_NAMES,
  kernelReadiness: false,
  immediateErrors: false,
}
