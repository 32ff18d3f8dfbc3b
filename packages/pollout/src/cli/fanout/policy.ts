/** Where a fan-out may connect to, on the addresses that names stand for too: `--allow`, `--deny`, `--public-only`, exclusions. */
import { type DestinationPolicy, destinationPolicy, publicInternetOnly } from '@pollout/core'
import type { Exclusions } from '../../targets/exclusions.js'
import { messageOf, UsageError } from '../common/exit-codes.js'
import type { FanoutCommandOptions } from './fanout-options.js'

/** Undefined where it may connect to everything. Throws UsageError for a block that is none. */
export function policyOf(
  { allow = [], deny = [], publicOnly }: FanoutCommandOptions,
  exclusions: Exclusions,
): DestinationPolicy | undefined {
  const policies: DestinationPolicy[] = []
  if (publicOnly) policies.push(publicInternetOnly)
  if (allow.length > 0) policies.push(listPolicy({ allow, deny }))
  // Blocks say nothing about sockets that have no IP address.
  else if (deny.length > 0) policies.push(listPolicy({ deny, unixPaths: 'any', vsock: 'any' }))
  if (!exclusions.isEmpty) policies.push(exclusions.policy)
  if (policies.length < 2) return policies[0]
  return {
    check(address) {
      const verdicts = policies.map((policy) => policy.check(address))
      return verdicts.find(({ allowed }) => !allowed) ?? (verdicts[0] as (typeof verdicts)[number])
    },
  }
}

function listPolicy(options: Parameters<typeof destinationPolicy>[0]): DestinationPolicy {
  try {
    return destinationPolicy(options)
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}
