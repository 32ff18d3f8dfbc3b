/** `@pollout/testing`: a backend by script, a simulated network, and a clock by hand. */
export { ManualClock, manualClock } from './manual-clock.js'
export { type BulkLaneSetting, withBulkLane, withoutBulkLane } from './reference-bulk.js'
export { Script, scriptedBackend } from './script.js'
export type { ScriptOptions, ScriptState } from './script-state.js'
export type {
  Answer,
  ScriptedAnswers,
  ScriptedDescriptor,
  ScriptedSocket,
  SocketlessAnswer,
} from './scripted-socket.js'
export { seededRandom } from './seeded-random.js'
export { type NetworkOptions, SimulatedNetwork, simulatedNetwork } from './simulated-network.js'
export {
  echoPeer,
  failingPeer,
  type SimulatedPeer,
  type SimulatedPeerEnd,
  type SimulatedPeerProgram,
  silentPeer,
} from './simulated-peer.js'
export {
  STANDARD_PORTS,
  type StandardPeer,
  type StandardTransport,
  simulatedBackend,
  standardAddresses,
  standardNetwork,
} from './standard-network.js'
