/** Everything public of `@pollout/core`. */
export * from './address.js'
export type { AdoptOptions } from './adopt.js'
export * from './backend.js'
export type { Chunks } from './chunk-iterator.js'
export { type Clock, systemClock, type Timer } from './clock.js'
export type { ConnectManyOptions, KeptOutcome } from './connect-many.js'
export type { ConnectOptions, RawSocketOption, SocketSetupOptions } from './connect-options.js'
export type { CloseOptions, Connection, ReadOptions, SendOptions } from './connection.js'
export type {
  ConnectErrorMessage,
  ConnectedMessage,
  ConnectionCloseMessage,
  ConnectMessage,
} from './diagnostics.js'
export {
  addressOf,
  type Endpoint,
  endpointOf,
  InvalidEndpointError,
  socketTypeOf,
  type TcpEndpoint,
  tcp,
  type UdpEndpoint,
  type UnixEndpoint,
  type UnixgramEndpoint,
  type UnixpacketEndpoint,
  udp,
  unix,
  unixgram,
  unixpacket,
  type VsockEndpoint,
  vsock,
} from './endpoint.js'
export { formatEndpoint, parseEndpoint, toEndpoint } from './endpoint-text.js'
export { errno, errnoDescription, errnoName } from './errno.js'
export { type AttemptRecord, ConnectError, type ConnectPhase } from './errors.js'
export type { OnConnected } from './fan-out.js'
export type { NetSocketOptions } from './hand-over.js'
export type { ConnectedOutcome, FailedOutcome, Outcome, OutcomeKind, Target } from './outcome.js'
export * from './policy.js'
export { type NamedRange, nonPublicRanges, unicastRanges } from './policy-ranges.js'
export { createReactor, Reactor, type ReactorOptions } from './reactor.js'
export type { ReactorStats } from './reactor-core.js'
export { Interest, Readiness } from './readiness.js'
export { type Resolver, systemResolver } from './resolver.js'
export type { ConnectSyncOptions, PosixAnswer, Socket } from './socket.js'
export * from './socket-options.js'
export type { TargetSource } from './target-source.js'
export { parseTcpInfo, type TcpInfo, type TcpState } from './tcp-info.js'
export type { ConnectTimeline } from './timeline.js'
