/** `describeBackend()`: the one suite that every backend passes. */
import { defineAdoptTests } from './adopting.js'
import { defineArgumentTests } from './arguments.js'
import { defineBackendInterfaceTests } from './backend-interface.js'
import { defineBatchTests } from './batches.js'
import { defineBufferTests } from './buffers.js'
import { defineConnectTests } from './connecting.js'
import { defineDatagramTests } from './datagrams.js'
import { defineFaceTests } from './faces.js'
import { defineFanOutTests } from './fanning-out.js'
import { defineHandOverTests } from './handing-over.js'
import { defineHappyEyeballsTests } from './happy-eyeballs.js'
import { defineKernelSocketTests } from './kernel-sockets.js'
import { defineLastWordsTests } from './last-words.js'
import { defineSocketTests } from './like-net-socket.js'
import { defineLocalAddressTests } from './local-addresses.js'
import { defineLowLevelTests } from './low-level.js'
import { defineObservabilityTests } from './observability.js'
import { defineOptionTests } from './options.js'
import { definePolicyTests } from './policy.js'
import { definePoolTests } from './pooling.js'
import { defineProcessTests } from './processes.js'
import { defineRaceTests } from './races.js'
import { defineReachedTests } from './reached.js'
import { defineReconnectTests } from './reconnecting.js'
import { defineResolvingTests } from './resolving.js'
import { defineSessionTests } from './sessions.js'
import { defineSourceTests } from './sources.js'
import { defineStallTests } from './stalls.js'
import { defineThrowingTests } from './throwing.js'
import { defineTimelineTests } from './timeline.js'
import { defineTlsTests } from './tls.js'
import { defineTlsEndTests } from './tls-ends.js'
import { defineTlsFailureTests } from './tls-failing.js'
import { defineTlsThrowingTests } from './tls-throwing.js'
import { defineConnectionTests } from './transfer.js'
import { definer, type Subject } from './trial.js'
import { defineWatchingTests } from './watching.js'

const PARTS = {
  'the backend interface': defineBackendInterfaceTests,
  'watch()': defineWatchingTests,
  'connect()': defineConnectTests,
  'connect() to a name': defineResolvingTests,
  'a name with several addresses': defineHappyEyeballsTests,
  'destination policies': definePolicyTests,
  'a connection': defineConnectionTests,
  'buffers and taken back sends': defineBufferTests,
  'faces of a connection': defineFaceTests,
  'a Duplex beside a net.Socket': defineSocketTests,
  'user code that throws': defineThrowingTests,
  TLS: defineTlsTests,
  'TLS that fails': defineTlsFailureTests,
  'TLS that ends': defineTlsEndTests,
  'TLS and user code that throws': defineTlsThrowingTests,
  'a loop that is held up': defineStallTests,
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
  'connectBatches()': defineBatchTests,
  'socket() and readiness()': defineLowLevelTests,
  'what is handed in': defineArgumentTests,
  'what is reached': defineReachedTests,
  'sockets of the kernel': defineKernelSocketTests,
  'handing over': defineHandOverTests,
  races: defineRaceTests,
  observability: defineObservabilityTests,
  'processes and threads': defineProcessTests,
  'last words': defineLastWordsTests,
}

/** Those in which `connectMany()` has a part, and so the backend's bulk lane, where it has one. */
const FAN_OUT_PARTS: readonly (keyof typeof PARTS)[] = [
  'a name with several addresses',
  'destination policies',
  'local addresses',
  'options of connects',
  'timelines',
  'connectMany()',
  'sources of connectMany()',
  'connectBatches()',
  'what is reached',
  'races',
  'observability',
]

/**
 * Defines the suite's tests for one backend, in the test framework given. A test is skipped only where the backend's
 * capabilities, or the machine, lack what it is about; the reason says what. After each test nothing may be left:
 * no open handle, no descriptor, no armed registration, deadline or timer.
 *
 * @example
 * ```ts
 * import { netBackend } from '@pollout/backend-net'
 * import { describeBackend, realWorld, type TestApi } from '@pollout/conformance'
 *
 * declare const test: TestApi // Vitest's describe, it, beforeAll and afterAll
 * describeBackend({
 *   name: 'net',
 *   backend: netBackend(),
 *   world: realWorld(),
 *   module: {
 *     directory: import.meta.dirname,
 *     specifier: '@pollout/backend-net',
 *     name: 'netBackend',
 *   },
 *   test,
 * })
 * ```
 */
export function describeBackend(subject: Subject): void {
  describeParts(subject, 'conformance', Object.keys(PARTS) as (keyof typeof PARTS)[])
}

/**
 * Defines only those tests in which `connectMany()` has a part: for a backend's other lanes, after `describeBackend()` has
 * seen to all the rest.
 *
 * @example
 * ```ts
 * import { describeFanOut, type Subject } from '@pollout/conformance'
 * import { withBulkLane } from '@pollout/testing'
 *
 * declare const subject: Subject // as for describeBackend()
 * describeFanOut({ ...subject, backend: withBulkLane(subject.backend) })
 * ```
 */
export function describeFanOut(subject: Subject): void {
  describeParts(subject, 'conformance of fan-outs', FAN_OUT_PARTS)
}

function describeParts(
  subject: Subject,
  title: string,
  parts: readonly (keyof typeof PARTS)[],
): void {
  const { test, world } = subject
  test.describe(`${subject.name}: ${title}`, () => {
    test.beforeAll(() => world.start())
    test.afterAll(() => world.stop())
    for (const name of parts) test.describe(name, () => PARTS[name](definer(subject)))
  })
}
