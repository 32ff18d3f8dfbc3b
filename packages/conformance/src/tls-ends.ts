/** Conformance of TLS that ends: by the peer's word for it, close_notify, or by FIN alone, which anybody on the way can make. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { TlsConnection } from '@pollout/core'
import { lastValueFrom, reduce } from 'rxjs'
import { certificates } from './certificates.js'
import { below, type Peer, plainPeer, reactorOf, secured } from './tls-peers.js'
import { MEBIBYTE } from './transfer-tools.js'
import { type Define, rejection } from './trial.js'

const needs = { certificates: true, transport: 'tcp4' } as const

/** What the peer does once it has heard something. */
interface Ending {
  readonly what: string
  readonly truncated: boolean
  readonly bytes: number
  end(inside: TLSSocket, socket: Socket): void
}

const ENDINGS: readonly Ending[] = [
  {
    what: 'close_notify, then FIN',
    truncated: false,
    bytes: 5,
    end: (inside, socket) => inside.end('words', () => socket.end()),
  },
  {
    what: 'close_notify, and no FIN',
    truncated: false,
    bytes: 5,
    end: (inside) => void inside.end('words'),
  },
  {
    what: 'close_notify alone',
    truncated: false,
    bytes: 0,
    end: (inside, socket) => inside.end(() => socket.end()),
  },
  {
    what: 'much data, close_notify, then FIN',
    truncated: false,
    bytes: 4 * MEBIBYTE,
    end: (inside, socket) => void inside.end(Buffer.alloc(4 * MEBIBYTE), () => socket.end()),
  },
  {
    what: 'FIN alone',
    truncated: true,
    bytes: 0,
    end: (_inside, socket) => void socket.end(),
  },
  {
    what: 'data, then FIN',
    truncated: true,
    bytes: 5,
    end: (inside, socket) => void inside.write('words', () => socket.end()),
  },
  {
    what: 'two bytes, as many as an alert has, then FIN',
    truncated: true,
    bytes: 2,
    end: (inside, socket) => void inside.write('ab', () => socket.end()),
  },
  {
    what: 'much data, then FIN',
    truncated: true,
    bytes: 4 * MEBIBYTE,
    end: (inside, socket) => void inside.write(Buffer.alloc(4 * MEBIBYTE), () => socket.end()),
  },
  {
    what: 'FIN in the middle of a record',
    truncated: true,
    bytes: 0,
    // The head of a record of application data, of which 100 bytes were to follow.
    end: (_inside, socket) => void socket.end(Buffer.from([23, 3, 3, 0, 100, 1, 2, 3])),
  },
]

export function defineTlsEndTests(test: Define): void {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const { what, truncated, bytes, end } of ENDINGS) {
      test(
        `${maxVersion}, ${what}: ${truncated ? 'the end is told as cut' : 'a proper end'}, on each face`,
        async (t) => {
          const peer = await endingPeer(end)
          const reactor = reactorOf(t)
          for (const read of [byIterator, byObservable, byDuplex]) {
            const connection = await secured(reactor, peer, { tls: { maxVersion } })
            assert.equal(connection.truncated, false)
            await connection.send('now')
            assert.deepEqual(await read(connection), { bytes, truncated })
            assert.equal(connection.truncated, truncated)
            await connection.close()
            assert.equal(connection.truncated, truncated)
          }
          await peer.close()
        },
        needs,
      )
    }
  }

  test(
    'a peer that resets is an error, and no truncated end; nor is a FIN without TLS',
    async (t) => {
      const peer = await endingPeer((_inside, socket) => void socket.resetAndDestroy())
      const connection = await secured(reactorOf(t), peer)
      await connection.send('now')
      const error = await rejection(connection.chunks().next())
      assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
      assert.deepEqual([connection.truncated, connection.peerEnded], [false, false])
      await connection.close()
      await peer.close()
      const plain = await plainPeer((socket) => void socket.end())
      const duplex = reactorOf(t).duplex(`tcp://127.0.0.1:${plain.port}`).resume()
      await once(duplex, 'close')
      assert.equal(duplex.truncated, false)
      await plain.close()
    },
    needs,
  )
}

function endingPeer(end: Ending['end']): Promise<Peer> {
  return plainPeer((socket) => {
    const inside = new TLSSocket(below(socket), { isServer: true, ...certificates().good })
    inside.on('error', () => {})
    inside.once('data', () => end(inside, socket))
  })
}

async function byIterator(connection: TlsConnection) {
  let bytes = 0
  for await (const chunk of connection) bytes += chunk.length
  return { bytes, truncated: connection.truncated }
}

async function byObservable(connection: TlsConnection) {
  const bytes = await lastValueFrom(
    connection.received.pipe(reduce((sum, chunk) => sum + chunk.length, 0)),
  )
  return { bytes, truncated: connection.truncated }
}

async function byDuplex(connection: TlsConnection) {
  let bytes = 0
  const duplex = connection.toDuplex()
  duplex.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  await once(duplex, 'end')
  const { truncated } = duplex
  await once(duplex, 'close')
  return { bytes, truncated }
}
