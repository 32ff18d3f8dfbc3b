/** Local ports that run out, in a network with eight of them: told as local trouble at once, or waited for. */
import type { Capabilities } from '@pollout/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type * as Exhausting from '../src/programs/exhausting.js'
import type { Program } from '../src/rig/agent-process.js'
import { type Network, openNetwork } from '../src/rig/network.js'
import type { BackendName } from '../src/rig/requirements.js'
import { askCapabilities, BACKENDS, describeNetwork, needs, needsBind } from './suite.js'

const PORTS = 8
const POOL = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']
const ALL = PORTS * POOL.length
/** Far from the 10 s for which connectMany() waits where waiting may help. */
const AT_ONCE_MS = 2_000
const ASKS_NOBODY = 'without immediateErrors nobody can be asked what EADDRNOTAVAIL means'
const NO_PORT = { code: 'EADDRNOTAVAIL', phase: 'local', localFault: true }

describeNetwork('ports', () => {
  let network: Network
  let exhausting: Program<typeof Exhausting>
  let capabilities: ReadonlyMap<BackendName, Capabilities>

  beforeAll(async () => {
    network = await openNetwork({
      sysctls: {
        'net.ipv4.ip_local_port_range': '40000 40007',
        'net.ipv6.conf.all.disable_ipv6': 1,
      },
    })
    exhausting = network.agent.program<typeof Exhausting>('exhausting')
    capabilities = await askCapabilities(network.agent)
  })

  afterAll(() => network?.close())

  describe('one source address', () => {
    it.for(BACKENDS)(
      'every port of the range, then EADDRNOTAVAIL at once: %s',
      async (backend, context) => {
        needs(context, backend)
        const { locals, codes, next } = await exhausting('exhaust', backend, PORTS, {})
        expect(codes).toEqual([])
        expect(new Set(locals).size).toBe(PORTS)
        expect(next).toMatchObject(NO_PORT)
        expect(next.elapsedMs - next.starvedMs).toBeLessThan(AT_ONCE_MS)
      },
    )

    it.for(BACKENDS)('connectMany() waits for a port: %s', async (backend, context) => {
      needs(context, backend)
      const { kinds, most } = await exhausting('fanOut', backend, 3 * PORTS, {})
      expect(kinds).toEqual({ connected: 3 * PORTS })
      expect(most).toBeLessThanOrEqual(PORTS)
    })
  })

  describe('a pool of source addresses', () => {
    it.for(BACKENDS)(
      'every port of each, then local trouble at once: %s',
      async (backend, context) => {
        needsBind(context, backend, capabilities)
        const options = { localAddress: POOL }
        const { locals, codes, next } = await exhausting('exhaust', backend, ALL, options)
        expect(codes).toEqual([])
        expect(new Set(locals).size).toBe(ALL)
        // Without IP_BIND_ADDRESS_NO_PORT, which Node has not, it is bind() that finds no port.
        const binds = !capabilities.get(backend)?.options.includes('bindAddressNoPort')
        expect(next).toMatchObject({ ...NO_PORT, ...(binds && { code: 'EADDRINUSE' }) })
        expect(next.elapsedMs - next.starvedMs).toBeLessThan(AT_ONCE_MS)
      },
    )

    it.for(BACKENDS)('connectMany() waits for a port: %s', async (backend, context) => {
      needsBind(context, backend, capabilities)
      const { kinds, most } = await exhausting('fanOut', backend, 3 * ALL, { localAddress: POOL })
      expect(kinds).toEqual({ connected: 3 * ALL })
      expect(most).toBeLessThanOrEqual(ALL)
      expect(most).toBeGreaterThan(PORTS)
    })
  })

  it('EADDRINUSE: bind() takes a port of its own without IP_BIND_ADDRESS_NO_PORT', async (context) => {
    needsBind(context, 'native', capabilities)
    const options = { localAddress: POOL[0] as string, bindAddressNoPort: false }
    const { codes, next } = await exhausting('exhaust', 'native', PORTS, options)
    expect(codes).toEqual([])
    expect(next).toMatchObject({ code: 'EADDRINUSE', phase: 'local', syscall: 'bind' })
  })

  describe('what no waiting helps against is told by connectMany() at once', () => {
    it.for(BACKENDS)('an IPv6 literal without IPv6: %s', async (backend, context) => {
      needs(context, backend)
      if (!capabilities.get(backend)?.immediateErrors) context.skip(ASKS_NOBODY)
      const told = await exhausting('outcomeOf', backend, 'tcp://[::1]:80')
      expect(told).toMatchObject(NO_PORT)
      expect(told.elapsedMs - told.starvedMs).toBeLessThan(AT_ONCE_MS)
    })

    it.for(BACKENDS)("a local address that is nobody's here: %s", async (backend, context) => {
      needsBind(context, backend, capabilities)
      if (!capabilities.get(backend)?.immediateErrors) context.skip(ASKS_NOBODY)
      const options = { localAddress: '10.99.0.1' }
      const told = await exhausting('outcomeOf', backend, 'tcp://127.0.0.1:80', options)
      expect(told).toMatchObject(NO_PORT)
      expect(told.elapsedMs - told.starvedMs).toBeLessThan(AT_ONCE_MS)
    })
  })
})
