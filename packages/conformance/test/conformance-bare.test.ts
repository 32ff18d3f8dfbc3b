/** The conformance suite on a backend that can do the least that there is: streams, no options, nothing optional. */
import { fileURLToPath } from 'node:url'
import { describeBackend, simulatedWorld } from '@pollout/conformance'
import { type Backend, type BackendFactory, type Capabilities, specFault } from '@pollout/core'
import { afterAll, beforeAll, describe, it } from 'vitest'

const world = simulatedWorld()

/** What docs/writing-a-backend.md asks of every backend, and no more. */
const bareBackend: BackendFactory = (sink) => {
  const whole = world.backend(sink)
  const capabilities: Capabilities = {
    sockets: { inet: ['stream'], inet6: ['stream'], unix: ['stream'], vsock: [] },
    abstractUnix: true,
    kernelReadiness: false,
    immediateErrors: whole.capabilities.immediateErrors,
    bind: false,
    options: [],
    eventTimes: false,
    kernelSockets: false,
  }
  const only: Backend = {
    name: 'bare',
    capabilities,
    get openHandles() {
      return whole.openHandles
    },
    open: (spec) => specFault(capabilities, spec) || whole.open(spec),
    connect: (handle, to) => whole.connect(handle, to),
    register: (handle, token, interest) => whole.register(handle, token, interest),
    deregister: (handle) => whole.deregister(handle),
    finishConnect: (handle, times) => whole.finishConnect(handle, times),
    receive: (handle, into) => whole.receive(handle, into),
    send: (handle, data, offset) => whole.send(handle, data, offset),
    shutdown: (handle) => whole.shutdown(handle),
    close: (handle, mode) => whole.close(handle, mode),
    localAddress: (handle) => whole.localAddress(handle),
    peerAddress: (handle) => whole.peerAddress(handle),
    poll: () => whole.poll(),
    ref: () => whole.ref(),
    unref: () => whole.unref(),
    destroy: () => whole.destroy(),
  }
  return only
}

describeBackend({
  name: 'bare',
  backend: bareBackend,
  world,
  module: {
    directory: fileURLToPath(new URL('..', import.meta.url)),
    specifier: '@pollout/testing',
    name: 'simulatedBackend',
  },
  threads: 2,
  test: { describe, it, beforeAll, afterAll },
})
