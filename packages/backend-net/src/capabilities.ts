/** What `node:net` can do, as data. */
import type { AddressFamily, Capabilities } from '@pollout/core'

/** On Windows a `path` is a named pipe, which is no Unix socket. */
const HAS_UNIX = process.platform !== 'win32'

const FAMILIES: readonly AddressFamily[] = HAS_UNIX ? ['inet', 'inet6', 'unix'] : ['inet', 'inet6']

export const CAPABILITIES: Capabilities = {
  families: FAMILIES,
  types: ['stream'],
  // The abstract namespace is Linux's alone: unix(7). libuv takes its names since 1.46, which Node 20 has.
  abstractUnix: process.platform === 'linux',
  kernelReadiness: false,
  immediateErrors: false,
}
