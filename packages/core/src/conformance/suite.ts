/** `describeBackend()`: the one suite that every backend passes. */
import { defineAdoptTests } from './adopting.js'
import { defineBackendInterfaceTests } from './backend-interface.js'
import { defineConnectTests } from './connecting.js'
import { defineDatagramTests } from './datagrams.js'
import { defineFaceTests } from './faces.js'
import { defineFanOutTests } from './fanning-out.js'
import { defineHandOverTests } from './handing-over.js'
import { defineHappyEyeballsTests } from './happy-eyeballs.js'
import { defineKernelSocketTests } from './kernel-sockets.js'
import { defineLocalAddressTests } from './local-addresses.js'
import { defineLowLevelTests } from './low-level.js'
import { defineObservabilityTests } from './observability.js'
import { defineOptionTests } from './options.js'
import { definePolicyTests } from './policy.js'
import { definePoolTests } from './pooling.js'
import { defineProcessTests } from './processes.js'
import { defineRaceTests } from './races.js'
import { defineReconnectTests } from './reconnecting.js'
import { defineResolvingTests } from './resolving.js'
import { defineSessionTests } from './sessions.js'
import { defineSourceTests } from './sources.js'
import { defineTimelineTests } from './timeline.js'
import { defineTlsTests } from './tls.js'
import { defineTlsFailureTests } from './tls-failing.js'
import { defineConnectionTests } from './transfer.js'
import { definer, type Subject } from './trial.js'

const PARTS = {
  'the backend interface': defineBackendInterfaceTests,
  'connect()': defineConnectTests,
  'connect() to a name': defineResolvingTests,
  'a name with several addresses': defineHappyEyeballsTests,
  'destination policies': definePolicyTests,
  'a connection': defineConnectionTests,
  'faces of a connection': defineFaceTests,
  TLS: defineTlsTests,
  'TLS that fails': defineTlsFailureTests,
  'datagrams and packets': defineDatagramTests,
  'local addresses': defineLocalAddressTests,
  'options of connects': defineOptionTests,
  timelines: defineTimelineTests,
  'adopt()': defineAdoptTests,
  'session()': defineSessionTests,
  'reconnecting()': defineReconnectTests,
  'pool()': definePoolTests,
  'connectMany()': defineFanOutTests,
  'sources of connectMany()': defineSourceTests,
  'socket() and readiness()': defineLowLevelTests,
  'sockets of the kernel': defineKernelSocketTests,
  'handing over': defineHandOverTests,
  races: defineRaceTests,
  observability: defineObservabilityTests,
  'processes and threads': defineProcessTests,
}

/**
 * Defines the suite's tests for one backend, in the test framework given. A test is skipped only where the backend's
 * capabilities, or the machine, lack what it is about; the reason says what. After each test nothing may be left:
 * no open handle, no descriptor, no armed registration, deadline or timer.
 */
export function describeBackend(subject: Subject): void {
  const { test, world } = subject
  test.describe(`${subject.name}: conformance`, () => {
    test.beforeAll(() => world.start())
    test.afterAll(() => world.stop())
    for (const [name, define] of Object.entries(PARTS)) {
      test.describe(name, () => define(definer(subject)))
    }
  })
}
