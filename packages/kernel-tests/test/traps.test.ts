/** The traps of a non-blocking connect, on the real kernel: each test fails on an implementation that walks into it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Capabilities, ConnectStatus } from '@pollout/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type * as Connecting from '../src/programs/connecting.js'
import type * as Reusing from '../src/programs/reusing.js'
import type * as Trapping from '../src/programs/trapping.js'
import type { Program } from '../src/rig/agent-process.js'
import { underFault } from '../src/rig/fault-injection.js'
import { type Network, openNetwork } from '../src/rig/network.js'
import type { BackendName } from '../src/rig/requirements.js'
import { askCapabilities, BACKENDS, describeNetwork, needs, needsBind } from './suite.js'

const SILENT_HOST = '10.9.0.2'
const SILENT = `tcp://${SILENT_HOST}:80`
/** Of a thousand, or of five hundred, that a loop going round would take. */
const IDLE_MS = 200

describeNetwork('traps', () => {
  let network: Network
  let folder: string
  let trapping: Program<typeof Trapping>
  let reusing: Program<typeof Reusing>
  let connecting: Program<typeof Connecting>
  let capabilities: ReadonlyMap<BackendName, Capabilities>
  const before = { descriptors: 0 }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pollout-'))
    network = await openNetwork({
      cables: [
        {
          name: 'v0',
          addresses: ['10.9.0.1/24'],
          neighbours: { '10.9.0.2': '02:00:00:00:00:02' },
        },
      ],
    })
    const { agent } = network
    trapping = agent.program<typeof Trapping>('trapping')
    reusing = agent.program<typeof Reusing>('reusing')
    connecting = agent.program<typeof Connecting>('connecting')
    capabilities = await askCapabilities(agent)
    before.descriptors = await connecting('descriptors')
  })

  afterAll(async () => {
    await network?.close()
    rmSync(folder, { recursive: true })
  })

  it.for(BACKENDS)('a fresh socket is writable and hung up: %s', async (backend, context) => {
    needs(context, backend)
    const expected = { native: ['WRITABLE|HANGUP', 'ENOTCONN'], net: ['', 'ENOTCONN'] }
    expect(await trapping('freshSocket', backend)).toEqual(expected[backend])
  })

  it('POLLERR without POLLOUT, SO_ERROR 0, after an ICMP error in SYN_SENT: waits on, and does not spin', async (context) => {
    needs(context, 'native', 'nft')
    if (!capabilities.get('native')?.kernelSockets) context.skip('native: no kernelSockets')
    const trap = await trapping('errorReadByAnother')
    expect(trap.told.code).toBe('connected')
    expect(trap.statuses).toEqual([ConnectStatus.PENDING, ConnectStatus.CONNECTED])
    expect(trap.registrations).toBe(2)
    // The SYN is sent again after a second; 1 s of waiting.
    expect(trap.told.elapsedMs).toBeGreaterThan(900)
    expect(trap.cpuMs).toBeLessThan(IDLE_MS)
  })

  it.for(BACKENDS)('waiting in SYN_SENT takes no processor time: %s', async (backend, context) => {
    needs(context, backend)
    expect(await trapping('waitInSynSent', backend, SILENT)).toBeLessThan(IDLE_MS)
  })

  it.for(BACKENDS)('success with a stale error queue: %s', async (backend, context) => {
    needs(context, backend, 'nft')
    const trap = await trapping('staleErrorQueue', backend)
    expect(trap.told.code).toBe('connected')
    expect(trap.received).toBe('late')
    // libuv empties no error queue: a reader on node:net goes round until something comes.
    if (backend === 'net') return
    // One for the connect, one for the data; the reader is not woken by what is in the error queue.
    expect(trap.registrations).toBe(2)
    expect(trap.cpuMs).toBeLessThan(IDLE_MS)
  })

  describe('AF_UNIX EAGAIN: nothing was started', () => {
    it.for(BACKENDS)('tried again until the deadline: %s', async (backend, context) => {
      needs(context, backend)
      const path = join(folder, `full-${backend}`)
      const told = await trapping('fullUnixBacklog', backend, path, false, { timeoutMs: 300 })
      expect(told).toMatchObject({ code: 'ETIMEDOUT', timedOutBy: 'deadline' })
    })

    it.for(BACKENDS)('connects once there is a place: %s', async (backend, context) => {
      needs(context, backend)
      const path = join(folder, `admitting-${backend}`)
      expect(await trapping('fullUnixBacklog', backend, path, true, {})).toMatchObject({
        code: 'connected',
      })
    })
  })

  describe('SO_ERROR is read-once', () => {
    it.for(BACKENDS)('the errno is told the first time: %s', async (backend, context) => {
      needs(context, backend)
      expect(await trapping('askedTwice', backend)).toEqual(['ECONNREFUSED', 'ECONNRESET'])
    })

    it.for(BACKENDS)('and read once, by one reader: %s', async (backend, context) => {
      needs(context, backend, 'strace')
      const look = { syscall: 'getsockopt' }
      const { value, calls } = await underFault(network.agent, look, () =>
        connecting('connect', backend, 'tcp://127.0.0.1:9'),
      )
      expect(value.code).toBe('ECONNREFUSED')
      expect(calls.filter((call) => call.includes('SO_ERROR'))).toHaveLength(1)
    })
  })

  describe('self-connect', () => {
    it.for(BACKENDS)('is seen by the completion rule: %s', async (backend, context) => {
      needsBind(context, backend, capabilities)
      expect(await trapping('meetItself', backend, 41_000)).toBe('SELF_CONNECTED')
    })

    it.for(BACKENDS)(
      'is told as local trouble, never as connected: %s',
      async (backend, context) => {
        needsBind(context, backend, capabilities)
        const at = { localAddress: '127.0.0.1', localPort: 41_001 }
        expect(await connecting('connect', backend, 'tcp://127.0.0.1:41001', at)).toMatchObject({
          code: 'EADDRNOTAVAIL',
          phase: 'local',
          localFault: true,
        })
      },
    )
  })

  describe('the peer acts before we poll', () => {
    it.for(BACKENDS)('its FIN: a success: %s', async (backend, context) => {
      needs(context, backend)
      const { told, received } = await trapping('peerActsFirst', backend, 'end')
      expect([told.code, received]).toEqual(['connected', 'bye'])
    })

    it.for(BACKENDS)('its RST: connected, and then ECONNRESET: %s', async (backend, context) => {
      needs(context, backend)
      const { told, broken } = await trapping('peerActsFirst', backend, 'reset')
      expect(told.code).toBe('connected')
      expect(broken).toMatchObject({ code: 'ECONNRESET', phase: 'receive', localFault: false })
    })

    it.for(BACKENDS)('its FIN and RST: connected, and an end: %s', async (backend, context) => {
      needs(context, backend)
      const { told, received, broken } = await trapping('peerActsFirst', backend, 'endThenReset')
      expect([told.code, received, broken]).toEqual(['connected', '', undefined])
    })

    it.for([
      ['native', 'reset', 'ECONNRESET'],
      ['native', 'endThenReset', 'EPIPE'],
      ['net', 'reset', 'ECONNRESET'],
      ['net', 'endThenReset', 'EPIPE'],
    ] as const)('a fan-out says connected: %s, %s, followed by %s', async (row, context) => {
      const [backend, behaviour, followedBy] = row
      needs(context, backend)
      const seen = await trapping('manyAreReset', backend, behaviour)
      expect(seen).toEqual({ kinds: { connected: 768 }, columns: { connected: 256 }, followedBy })
    })
  })

  it.for(BACKENDS)('a closed descriptor with a living duplicate: %s', async (backend, context) => {
    needs(context, backend)
    expect(await reusing('closedWithDuplicate', backend)).toEqual({
      watchedOpen: 1,
      watchedClosed: 0,
      reports: 0,
    })
  })

  it.for(BACKENDS)('descriptor numbers used again within a batch: %s', async (backend, context) => {
    needs(context, backend)
    const trap = await reusing('reusedWithinBatch', backend, SILENT_HOST)
    expect(trap.reported).toBe(0)
    // The listener's thread may take one or two of the eight numbers.
    expect(trap.reused).toBeGreaterThanOrEqual(4)
  })

  it.for(BACKENDS)('cancelled and started anew within a batch: %s', async (backend, context) => {
    needs(context, backend)
    const { told, codes } = await reusing('cancelWithinBatch', backend, SILENT)
    expect(told).toBe(1)
    expect(codes).toEqual(Array(7).fill('ETIMEDOUT'))
  })

  it('leave no descriptor open', async () => {
    expect(await connecting('descriptors')).toBe(before.descriptors)
  })
})
