/** `@pollout/conformance`: the suite that says whether a backend is one, and the worlds that it runs in. */
export { describeFaceLoad } from './faces-load.js'
export { realWorld } from './real-world.js'
export { type SimulatedWorld, simulatedWorld } from './simulated-world.js'
export { describeBackend, describeFanOut } from './suite.js'
export type { TestApi, TestContext } from './test-api.js'
export type { BackendModule, Subject } from './trial.js'
export type { PeerKind, PeerRecord, Transport, World } from './world.js'
