/** The loop with what outbound connects ask of their reactor: where a name leads, and where they may go. */
import type { BackendFactory } from '../backend/backend.js'
import type { Resolver } from '../names/resolver.js'
import type { DestinationPolicy } from '../policy/policy.js'
import type { Clock } from '../reactor/clock.js'
import { ReactorCore } from '../reactor/reactor-core.js'

export class OutboundCore extends ReactorCore {
  readonly resolver: Resolver
  /** What every connect of this reactor has to be allowed by. */
  readonly policy: DestinationPolicy | undefined

  constructor(
    factory: BackendFactory,
    clock: Clock,
    resolver: Resolver,
    policy?: DestinationPolicy | undefined,
  ) {
    super(factory, clock)
    this.resolver = resolver
    this.policy = policy
  }
}
