/** Everything public of `@pollout/core`. */
export * from './address.js'
export type { AdoptOptions } from './adopt.js'
export * from './backend.js'
export { type Backoff, type BackoffOptions, backoff } from './backoff.js'
export { isBeyondRetry } from './beyond-retry.js'
export type { Chunks } from './chunk-iterator.js'
export { type Clock, systemClock, type Timer } from './clock.js'
export type { ConnectManyOptions, KeptOutcome } from './connect-many.js'
export type {
  ConnectOptions,
  DestinationOptions,
  RawSocketOption,
  SocketSetupOptions,
} from './connect-options.js'
export type {
  CloseOptions,
  Connection,
  ReadOptions,
  SendOptions,
  TlsConnection,
  UpgradeOptions,
} from './connection.js'
export type {
  ConnectAttemptMessage,
  ConnectErrorMessage,
  ConnectedMessage,
  ConnectionCloseMessage,
  ConnectMessage,
} from './diagnostics.js'
export { ConnectionDuplex, type DuplexOptions } from './duplex.js'
export {
  addressOf,
  type Endpoint,
  endpointOf,
  InvalidEndpointError,
  socketTypeOf,
  type TcpEndpoint,
  type TlsEndpoint,
  tcp,
  tls,
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
export type { Lease } from './lease.js'
export type { ConnectedOutcome, FailedOutcome, Outcome, OutcomeKind, Target } from './outcome.js'
export * from './policy.js'
export { type NamedRange, nonPublicRanges, unicastRanges } from './policy-ranges.js'
export type { ConnectionPool, DrainOptions, PoolStats } from './pool.js'
export type { AcquireOptions, ConnectionCheck, PoolOptions } from './pool-options.js'
export { createReactor, Reactor, type ReactorOptions } from './reactor.js'
export type { ReactorStats } from './reactor-core.js'
export { Interest, Readiness } from './readiness.js'
export type { ReconnectOptions } from './reconnect-options.js'
export type { ReconnectState } from './reconnect-state.js'
export type { ReconnectingSession } from './reconnecting.js'
export {
  type Addresses,
  type ResolvedAddress,
  type Resolver,
  systemResolver,
} from './resolver.js'
export {
  type CachedResolver,
  cachedResolver,
  type ResolverCacheOptions,
} from './resolver-cache.js'
export { type DnsResolver, type DnsResolverOptions, dnsResolver } from './resolver-dns.js'
export { type Hosts, hostsResolver } from './resolver-hosts.js'
export type { ConnectSyncOptions, PosixAnswer, Socket } from './socket.js'
export * from './socket-options.js'
export type { TargetSource } from './target-source.js'
export { parseTcpInfo, type TcpInfo, type TcpState } from './tcp-info.js'
export type { ConnectTimeline } from './timeline.js'
export { type TlsSessions, tlsSessionCache } from './tls/session-cache.js'
export type { TlsInfo } from './tls/tls-info.js'
export type { TlsMaterial, TlsOptions } from './tls/tls-options.js'
