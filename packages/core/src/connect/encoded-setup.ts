/** A socket setup in the terms of the backend's lanes, and which families of targets they can run with it. */
import type { SocketAddress } from '../backend/address.js'
import type { Backend } from '../backend/backend.js'
import type { InetFamily } from '../backend/ip-text.js'
import { type EncodedOption, encodeSocketOption } from '../backend/socket-options.js'
import { nameOf, type SocketSetup } from './socket-setup.js'

export interface EncodedSetup {
  /** Families of targets that a lane can run. */
  readonly families: Readonly<Record<InetFamily, boolean>>
  readonly options: Readonly<Record<InetFamily, readonly EncodedOption[]>>
  /** What the options are called, in messages. */
  readonly names: Readonly<Record<InetFamily, readonly string[]>>
  /** Those of IPv4, then those of IPv6. */
  readonly sources: readonly SocketAddress[]
}

/** Undefined where a lane can run nothing of it: what the backend lacks is for a `ConnectRequest` to tell. */
export function encodedSetup(
  backend: Backend,
  setup: SocketSetup | undefined,
): EncodedSetup | undefined {
  const { sockets } = backend.capabilities
  if (setup?.lackedBy(backend, { family: 'inet6', type: 'stream' })) return undefined
  const inet = optionsOf(backend, setup, 'inet')
  const inet6 = optionsOf(backend, setup, 'inet6')
  return {
    families: {
      inet: inet !== undefined && sockets.inet.includes('stream'),
      inet6: inet6 !== undefined && sockets.inet6.includes('stream'),
    },
    options: { inet: inet?.encoded ?? [], inet6: inet6?.encoded ?? [] },
    names: { inet: inet?.names ?? [], inet6: inet6?.names ?? [] },
    sources: [...sourcesOf(setup, 'inet'), ...sourcesOf(setup, 'inet6')],
  }
}

/** Undefined where one of them is not for such a socket. */
function optionsOf(backend: Backend, setup: SocketSetup | undefined, family: InetFamily) {
  const encoded: EncodedOption[] = []
  const names: string[] = []
  for (const [name, value] of setup?.options ?? []) {
    const option = encodeSocketOption({ family, type: 'stream' }, name, value)
    if (typeof option === 'number') return undefined
    encoded.push(option)
    names.push(name)
  }
  for (const raw of setup?.raw ?? []) {
    encoded.push(raw)
    names.push(nameOf(raw))
  }
  if (setup?.leavesPort(backend)) {
    const option = encodeSocketOption({ family, type: 'stream' }, 'bindAddressNoPort', true)
    if (typeof option === 'number') return undefined
    encoded.push(option)
    names.push('bindAddressNoPort')
  }
  return { encoded, names }
}

function sourcesOf(setup: SocketSetup | undefined, family: InetFamily): SocketAddress[] {
  const addresses = setup?.sources?.of(family) ?? []
  return addresses.map((address) => ({ family, address, port: 0 }))
}
