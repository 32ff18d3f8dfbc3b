/** What the test files share: suites and tests that are skipped where the machine lacks something, with the reason. */
import type { Capabilities } from '@pollout/core'
import { describe, type TestContext } from 'vitest'
import type * as Connecting from '../src/programs/connecting.js'
import type { AgentProcess } from '../src/rig/agent-process.js'
import {
  type BackendName,
  missing,
  missingBackend,
  type Requirement,
} from '../src/rig/requirements.js'

export const BACKENDS = ['native', 'net'] as const

/** A suite that needs network namespaces. */
export function describeNetwork(name: string, body: () => void): void {
  const lacking = missing('namespace')
  if (lacking) describe.skip(name, { meta: { skipReason: lacking } }, body)
  else describe(name, body)
}

/** Skips the test where the backend does not work here, or the machine has not what it needs. */
export function needs(
  context: TestContext,
  backend: BackendName,
  ...machine: readonly Requirement[]
): void {
  const lacking = missingBackend(backend) ?? missing(...machine)
  if (lacking) context.skip(lacking)
}

/** The same, also where it can't choose local addresses; `capabilities` are those of {@link askCapabilities}. */
export function needsBind(
  context: TestContext,
  backend: BackendName,
  capabilities: ReadonlyMap<BackendName, Capabilities>,
): void {
  needs(context, backend)
  if (!capabilities.get(backend)?.bind) context.skip(`the ${backend} backend has no bind`)
}

/** What each backend that works here can do. */
export async function askCapabilities(
  agent: AgentProcess,
): Promise<ReadonlyMap<BackendName, Capabilities>> {
  const connecting = agent.program<typeof Connecting>('connecting')
  const all = new Map<BackendName, Capabilities>()
  for (const backend of BACKENDS) {
    if (!missingBackend(backend)) all.set(backend, await connecting('capabilities', backend))
  }
  return all
}
