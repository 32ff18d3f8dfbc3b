/** Everything public of `@pollout/core`. */
export * from './address.js'
export * from './backend.js'
export type { Chunks } from './chunk-iterator.js'
export { type Clock, systemClock, type Timer } from './clock.js'
export type { ConnectOptions } from './connect.js'
export type { ConnectManyOptions, KeptOutcome } from './connect-many.js'
export type { CloseOptions, Connection, ReadOptions, SendOptions } from './connection.js'
export type {
  ConnectErrorMessage,
  ConnectedMessage,
  ConnectionCloseMessage,
  ConnectMessage,
} from './diagnostics.js'
export * from './endpoint.js'
export { errno, errnoDescription, errnoName } from './errno.js'
export { type AttemptRecord, ConnectError, type ConnectPhase } from './errors.js'
export type { OnConnected } from './fan-out.js'
export type { ConnectedOutcome, FailedOutcome, Outcome, OutcomeKind, Target } from './outcome.js'
export { createReactor, Reactor, type ReactorOptions } from './reactor.js'
export type { ReactorStats } from './reactor-core.js'
export { Interest, Readiness } from './readiness.js'
export { type Resolver, systemResolver } from './resolver.js'
export type { PosixAnswer, Socket } from './socket.js'
export * from './socket-options.js'
export type { TargetSource } from './target-source.js'
