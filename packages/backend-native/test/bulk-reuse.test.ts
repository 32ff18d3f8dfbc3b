/** Which sockets of the bulk lane connect again, and to whom: native/reuse.cc. strace(1) tells. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unusedPort } from '@pollout/test-servers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FAMILY_NUMBERS } from '../src/native-kernel.js'
import { type AttemptSpec, encode } from './bulk-support.js'
import { availability, E, has, listen, runChild, type TestServer, title } from './support.js'

type Peer = AttemptSpec['to']

const COUNT = 300
const KEEP = 0
const CLOSE = 1
const RESET = 2
const IPPROTO_TCP = 6
const TCP_NODELAY = 1

const CALL = /(socket|connect|close)\((.*)/
const PEER = /sin6?_port=htons\((\d+)\).*?"([^"]+)"/

interface Calls {
  /** Sockets made for the attempts. */
  made: number
  /** Connects of a socket that was connected before. */
  again: number
  /** Of those, the ones to another peer. */
  elsewhere: number
}

/** Of what strace wrote; only internet sockets count. */
function readCalls(trace: string): Calls {
  const calls: Calls = { made: 0, again: 0, elsewhere: 0 }
  const last = new Map<string, string>()
  for (const line of trace.split('\n')) {
    const [, name, rest = ''] = CALL.exec(line) ?? []
    if (name === 'socket' && /AF_INET6?, SOCK_STREAM/.test(rest)) calls.made++
    const descriptor = /^\d+/.exec(rest)?.[0]
    if (descriptor === undefined) continue
    if (name === 'close') last.delete(descriptor)
    const [, port, address] = PEER.exec(rest) ?? []
    if (name !== 'connect' || port === undefined) continue
    const peer = `${address} ${port}`
    const before = last.get(descriptor)
    if (before !== undefined) calls.again++
    if (before !== undefined && before !== peer) calls.elsewhere++
    last.set(descriptor, peer)
  }
  return calls
}

describe.skipIf(!availability.available || !has('strace')).each([0, 1, 2])(
  `native bulk lane, %i threads: sockets that connect again${title}${has('strace') ? '' : ' (skipped: no strace)'}`,
  (threads) => {
    let folder: string
    let server: TestServer
    let open: Peer
    let refusing: readonly Peer[]

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'pollout-'))
    })
    afterAll(() => rmSync(folder, { recursive: true }))
    beforeEach(async () => {
      server = await listen()
      open = { address: '127.0.0.1', port: server.at.port }
      const port = await unusedPort()
      refusing = [
        { address: '127.0.0.1', port },
        { address: '127.0.0.2', port },
        { address: '::1', port },
      ]
    })
    afterEach(() => server.close())

    /** COUNT attempts to these peers in turn, in a process of their own. */
    async function attempts(
      peers: readonly Peer[],
      {
        onConnected = RESET,
        options = [],
        sources = [],
      }: { onConnected?: number; options?: unknown[]; sources?: unknown[] } = {},
    ): Promise<Calls> {
      const specs = Array.from({ length: COUNT }, (_, id) => ({
        id,
        to: peers[id % peers.length] as Peer,
        source: sources.length,
      }))
      const trace = join(folder, 'trace')
      const { lines, stderr } = await runChild(
        `
        const backend = createBackend(() => {}, () => {}, 0, ${threads})
        const statuses = {}
        let told = 0
        const alive = setInterval(() => {}, 1000)
        const options = ${JSON.stringify(options)}.map(([level, option]) => [level, option, Buffer.from([1, 0, 0, 0])])
        const lane = backend.openLane(20, ${onConnected}, options, options, ${JSON.stringify(sources)}, 0, (records, count) => {
          for (let i = 0; i < count; i++) {
            const [id, status, step, handle] = records.subarray(i * 8)
            statuses[status] = (statuses[status] ?? 0) + 1
            if (${onConnected} === ${KEEP} && status === 0) backend.close(handle, true)
          }
          told += count
          if (told < ${COUNT}) return
          say(JSON.stringify(statuses))
          say(String(backend.openHandles()))
          clearInterval(alive)
        })
        backend.submit(lane, Buffer.from('${Buffer.from(encode(specs)).toString('base64')}', 'base64'), ${COUNT})
      `,
        { wrap: ['strace', '-f', '-qq', '-e', 'trace=socket,connect,close', '-o', trace] },
      )
      const accepted = specs.filter(({ to }) => to === open).length
      const expected = {
        ...(accepted > 0 ? { 0: accepted } : {}),
        ...(accepted < COUNT ? { [-E.ECONNREFUSED]: COUNT - accepted } : {}),
      }
      expect({ lines: [JSON.parse(lines[0] ?? '0'), lines[1]], stderr }).toEqual({
        lines: [expected, '0'],
        stderr: '',
      })
      return readCalls(readFileSync(trace, 'utf8'))
    }

    it('a few peers: the same sockets, each to its own peer', async () => {
      const { made, again, elsewhere } = await attempts([open, ...refusing])
      expect(elsewhere).toBe(0)
      expect(made + again).toBe(COUNT)
      // How many depends on how many end in one round.
      expect(again).toBeGreaterThan(COUNT / 10)
    })

    it('many peers: a socket for each', async () => {
      const peers = Array.from({ length: COUNT }, (_, index) => ({
        address: `127.0.${1 + (index >> 8)}.${index & 255}`,
        port: refusing[0]?.port ?? 0,
      }))
      expect(await attempts(peers)).toEqual({ made: COUNT, again: 0, elsewhere: 0 })
    })

    it('not what was closed or kept', async () => {
      const fresh = { made: COUNT, again: 0, elsewhere: 0 }
      expect(await attempts([open], { onConnected: CLOSE })).toEqual(fresh)
      expect(await attempts([open], { onConnected: KEEP })).toEqual(fresh)
    })

    it('not what has options or a local address', async () => {
      const fresh = { made: COUNT, again: 0, elsewhere: 0 }
      const nodelay = [[IPPROTO_TCP, TCP_NODELAY]]
      expect(await attempts(refusing, { options: nodelay })).toEqual(fresh)
      const v4 = refusing.slice(0, 2)
      expect(await attempts(v4, { sources: [[FAMILY_NUMBERS.inet, '127.0.0.1', 0]] })).toEqual(
        fresh,
      )
    })

    it('not an address that means another: IPv4 in IPv6', async () => {
      const mapped = { address: '::ffff:7f00:1', port: refusing[0]?.port ?? 0 }
      expect(await attempts([mapped])).toEqual({ made: COUNT, again: 0, elsewhere: 0 })
    })
  },
)
