/** Everything public of `@pollout/core`. */
export * from './backend/address.js'
export { addressProblem } from './backend/arguments.js'
export * from './backend/backend.js'
export * from './backend/bulk.js'
export { type ErrnoTable, errno, errnoDescription, errnoName } from './backend/errno.js'
export * from './backend/exchange.js'
export { Interest, Readiness } from './backend/readiness.js'
export * from './backend/socket-options.js'
export { decodeUnixPath, encodeUnixPath, isUtf8Path } from './backend/unix-path.js'
export { visibleText } from './base/visible-text.js'
export type { AdoptOptions } from './connect/adopt.js'
export type {
  ConnectOptions,
  DestinationOptions,
  RawSocketOption,
  SocketSetupOptions,
} from './connect/connect-options.js'
export type { Connection, TlsConnection } from './connection/connection.js'
export type {
  CloseOptions,
  ReadOptions,
  SendOptions,
  UpgradeOptions,
} from './connection/connection-options.js'
export { ConnectionDuplex, type DuplexOptions } from './connection/duplex.js'
export type { NetSocketOptions } from './connection/hand-over.js'
export type {
  ConnectAttemptMessage,
  ConnectErrorMessage,
  ConnectedMessage,
  ConnectionCloseMessage,
  ConnectMessage,
} from './diagnostics/diagnostics.js'
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
} from './endpoint/endpoint.js'
export { formatEndpoint, parseEndpoint, toEndpoint } from './endpoint/endpoint-text.js'
export { ConnectError, type ErrorContext } from './errors/connect-error.js'
export type { AttemptRecord, ConnectPhase, Failure } from './errors/failure.js'
export type { ConnectTimeline } from './errors/timeline.js'
export { OUTCOME_KINDS, type OutcomeBatch, type TargetColumns } from './fan-out/columns.js'
export type { ConnectBatchesOptions } from './fan-out/connect-batches.js'
export type { ConnectManyOptions, KeptOutcome } from './fan-out/connect-many.js'
export type { FanOutLimits } from './fan-out/fan-out-options.js'
export type { OnConnected } from './fan-out/fan-out-sides.js'
export type {
  ConnectedOutcome,
  FailedOutcome,
  Outcome,
  OutcomeKind,
  Target,
} from './fan-out/outcome.js'
export type { PaceLimit, PaceLost } from './fan-out/pace-watch.js'
export type { TargetSource } from './fan-out/target-source.js'
export type { Chunks } from './link/chunk-iterator.js'
export { hostsFileResolver } from './names/hosts-file.js'
export type { Addresses, LookUpContext, ResolvedAddress, Resolver } from './names/resolver.js'
export { type BoundedResolverOptions, boundedResolver } from './names/resolver-bounded.js'
export {
  type CachedResolver,
  cachedResolver,
  type ResolverCacheOptions,
} from './names/resolver-cache.js'
export { type DnsResolver, type DnsResolverOptions, dnsResolver } from './names/resolver-dns.js'
export { type Hosts, hostsResolver } from './names/resolver-hosts.js'
export { systemResolver } from './names/resolver-system.js'
export { destinationPolicy, publicInternetOnly } from './policy/destination-policy.js'
export * from './policy/policy.js'
export { type NamedRange, nonPublicRanges, unicastRanges } from './policy/policy-ranges.js'
export type { Lease } from './pool/lease.js'
export type { ConnectionPool, DrainOptions, PoolStats } from './pool/pool.js'
export type { AcquireOptions, ConnectionCheck, PoolOptions } from './pool/pool-options.js'
export { type Clock, systemClock, type Timer } from './reactor/clock.js'
export type { ReactorStats } from './reactor/reactor-core.js'
export { createReactor, Reactor, type ReactorOptions } from './reactor.js'
export { type Backoff, type BackoffOptions, backoff } from './session/backoff.js'
export { isBeyondRetry } from './session/beyond-retry.js'
export type { ReconnectOptions } from './session/reconnect-options.js'
export type { ReconnectState } from './session/reconnect-state.js'
export type { ReconnectingSession } from './session/reconnecting.js'
export type { ConnectSyncOptions, PosixAnswer, Socket } from './socket/socket.js'
export type { ValueOf as SocketOptionValueOf } from './socket/socket-calls.js'
export { parseTcpInfo, type TcpInfo, type TcpState } from './socket/tcp-info.js'
export { type TlsSessions, tlsSessionCache } from './tls/session-cache.js'
export type { TlsInfo } from './tls/tls-info.js'
export type { TlsMaterial, TlsOptions } from './tls/tls-options.js'
