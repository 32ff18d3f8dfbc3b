/** Conformance of a connection's faces: everything arrives intact on each of them, and who stalls holds up the peer, not memory. */

import assert from 'node:assert/strict'
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { type Duplex, PassThrough } from 'node:stream'
import type { Connection } from '@pollout/core'
import { seededRandom } from '@pollout/testing'
import { turns } from './raw-backend.js'
import { connected, MEBIBYTE } from './transfer-tools.js'
import { type Define, rejection, type Trial } from './trial.js'

/** One way to write and to read; `held` counts the bytes that it keeps in this process. */
export interface Face {
  write(chunk: Uint8Array): Promise<unknown>
  end(): Promise<unknown>
  readonly chunks: AsyncIterable<Uint8Array>
  held(): number
}

export const FACES = {
  iterator: (connection: Connection): Face => ({
    write: (chunk) => connection.send(chunk),
    end: () => connection.end(),
    chunks: closing(connection),
    held: () => connection.unsentBytes,
  }),
  'Web streams': (connection: Connection): Face => {
    const writer = connection.writable.getWriter()
    return {
      write: (chunk) => writer.write(chunk),
      end: () => writer.close(),
      chunks: connection.readable as unknown as AsyncIterable<Uint8Array>,
      held: () => connection.unsentBytes,
    }
  },
  Duplex: (connection: Connection): Face => {
    const duplex = connection.toDuplex({ allowHalfOpen: true })
    const face = ofStream(duplex)
    return { ...face, held: () => face.held() + connection.unsentBytes }
  },
  'net.Socket': (connection: Connection): Face =>
    ofStream(connection.toNetSocket({ allowHalfOpen: true })),
} as const

/** What comes is kept until it is read: for a reader that never waits. */
export function observed(connection: Connection): Face {
  const chunks = new PassThrough({ readableHighWaterMark: 2 ** 30 })
  connection.received.subscribe({
    next: (chunk) => chunks.write(chunk),
    complete: () => chunks.end(),
    error: (error: Error) => chunks.destroy(error),
  })
  return {
    write: (chunk) => connection.send(chunk),
    end: () => connection.end(),
    chunks: closing(connection, chunks),
    held: () => connection.unsentBytes,
  }
}

/** The iterator leaves its connection open. */
async function* closing(
  connection: Connection,
  chunks: AsyncIterable<Uint8Array> = connection,
): AsyncIterable<Uint8Array> {
  yield* chunks
  await connection.close()
}

function ofStream(stream: Duplex): Face {
  return {
    write: async (chunk) => {
      if (!stream.write(chunk)) await once(stream, 'drain')
    },
    end: async () => {
      stream.end()
      if (!stream.writableFinished) await once(stream, 'finish')
    },
    chunks: stream as AsyncIterable<Uint8Array>,
    held: () => stream.readableLength + stream.writableLength,
  }
}

/** What a face may keep while nobody reads: a stream's high-water marks, a chunk above each. */
const HELD_AT_MOST = MEBIBYTE
const LARGEST_CHUNK = 256 * 1024
/** More than the kernel's buffers of a connection there and back. */
const NEVER_HELD_UP = 512 * MEBIBYTE

export interface EchoOptions {
  /** So many, and more where the reader stalls: then until the writer is held up, which may take all of tcp_rmem(7). */
  readonly bytes: number
  readonly seed: number
  /** Both sides rest now and then. */
  readonly rests: boolean
  /** The reader begins only when the writer has got stuck; false where the kernel could take it all. */
  readonly stalls: boolean
}

/** Writes random chunks, and reads them back; returns what was held at most while the reader stalled. */
export async function echo(face: Face, options: EchoOptions): Promise<number> {
  const { bytes, seed, rests, stalls } = options
  const random = seededRandom(seed)
  const rest = async (): Promise<void> => {
    if (rests && random() < 0.1) await turns(1 + Math.floor(random() * 20))
  }
  const material = Buffer.from(Array.from({ length: LARGEST_CHUNK }, () => random() * 256))
  const sent = createHash('sha1')
  let taken = 0
  let isToBeHeldUp = stalls
  const writing = (async () => {
    while (taken < bytes || isToBeHeldUp) {
      const size = Math.min(
        Math.max(bytes - taken, LARGEST_CHUNK),
        1 + Math.floor(random() ** 3 * LARGEST_CHUNK),
      )
      const from = Math.floor(random() * (LARGEST_CHUNK - size))
      const chunk = material.subarray(from, from + size)
      sent.update(chunk)
      await face.write(chunk)
      taken += size
      await rest()
    }
    await face.end()
  })()
  let held = 0
  if (stalls) {
    held = await stuck(
      () => taken,
      () => face.held(),
    )
    isToBeHeldUp = false
    assert.ok(taken < NEVER_HELD_UP, 'the writer was to be held up')
  }
  const got = await digestOf(face.chunks, rest)
  await writing
  assert.deepEqual(got, { bytes: taken, digest: sent.digest('hex') })
  return held
}

/** Waits until nothing has moved for many turns, or all too much has; the most that was held. */
async function stuck(progress: () => number, held: () => number): Promise<number> {
  let most = 0
  for (let still = 0, last = -1; still < 30 && last < NEVER_HELD_UP; still++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    most = Math.max(most, held())
    if (progress() !== last) still = 0
    last = progress()
  }
  return most
}

async function digestOf(chunks: AsyncIterable<Uint8Array>, rest: () => Promise<void>) {
  const hash: Hash = createHash('sha1')
  let bytes = 0
  for await (const chunk of chunks) {
    hash.update(chunk)
    bytes += chunk.length
    await rest()
  }
  return { bytes, digest: hash.digest('hex') }
}

export function defineFaceTests(test: Define): void {
  for (const name of Object.keys(FACES) as (keyof typeof FACES)[]) {
    test(
      `${name}: what is written in random chunks comes back intact, and a reader that stalls fills no memory`,
      async (t) => {
        const connection = await connected(t, 'echo')
        const options = { bytes: amount(t), seed: 20, rests: true, stalls: isReal(t) }
        const held = await echo(FACES[name](connection), options)
        assert.ok(held <= HELD_AT_MOST, `${held} bytes were held`)
        await closed(connection)
      },
      {
        timeoutMs: 60_000,
        ...(name === 'net.Socket' && { capability: 'kernelSockets', realNetwork: true }),
      },
    )
  }

  test(
    'observable: what is written in random chunks comes back intact',
    async (t) => {
      const connection = await connected(t, 'echo')
      // An observable can't be slowed down, so its reader neither stalls nor rests.
      const options = { bytes: amount(t), seed: 4, rests: false, stalls: false }
      await echo(observed(connection), options)
      await closed(connection)
    },
    { timeoutMs: 60_000 },
  )

  for (const transport of ['tcp4', 'tcp6', 'unix'] as const) {
    test(
      `duplex() over ${transport}: there at once, connected later, with its addresses`,
      async (t) => {
        const duplex = t.reactor().duplex(t.world.endpoint('echo', transport))
        assert.equal(duplex.connecting, true)
        duplex.setNoDelay().setKeepAlive(true, 60_000)
        duplex.end('written before')
        await once(duplex, 'connect')
        const isUnix = transport === 'unix'
        const family = transport === 'tcp6' ? 'IPv6' : 'IPv4'
        const { localPort, localAddress: address, localFamily } = duplex
        assert.deepEqual(duplex.address(), isUnix ? {} : { address, family, port: localPort })
        assert.equal(localFamily, isUnix ? undefined : family)
        assert.equal(typeof duplex.remotePort, isUnix ? 'undefined' : 'number')
        assert.equal(await textOf(duplex), 'written before')
        assert.deepEqual([duplex.bytesRead, duplex.bytesWritten], [14, 14])
      },
      { transport },
    )
  }

  test('duplex(): refused, and cancelled', async (t) => {
    const reactor = t.reactor()
    const refused = reactor.duplex(t.world.endpoint('refused'))
    const error = await rejection(once(refused, 'connect'))
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
    const cancelled = reactor.duplex(t.world.endpoint('silent'))
    await turns()
    cancelled.destroy()
    await once(cancelled, 'close')
    assert.equal(reactor.stats().inFlight, 0)
  })

  test('a Duplex whose peer resets: ECONNRESET, then close with an error', async (t) => {
    const connection = await connected(t, 'resetter')
    const duplex = connection.toDuplex()
    const closing = new Promise<unknown>((resolve) => duplex.once('close', resolve))
    duplex.write('x')
    const error = await rejection(textOf(duplex))
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
    assert.equal(await closing, true)
    assert.ok(connection.closed)
  })

  test('resetAndDestroy(): the peer is told by RST', async (t) => {
    const connection = await connected(t, 'witness')
    const duplex = connection.toDuplex()
    await once(duplex, 'readable')
    const closing = once(duplex, 'close')
    duplex.resetAndDestroy()
    await closing
    assert.equal((await t.world.nextRecord()).end, 'reset')
  })

  test('pipeTo() from one connection to another goes at the pace of the slower one', async (t) => {
    const from = await connected(t, 'echo')
    const to = await connected(t, 'deaf')
    const sending = (async () => {
      for (let i = 0; i < 64; i++) await from.send(Buffer.alloc(256 * 1024, i))
      await from.end()
    })()
    const piping = from.readable.pipeTo(to.writable)
    await turns(100)
    assert.ok(from.unsentBytes + to.unsentBytes <= HELD_AT_MOST)
    await t.world.listenUp()
    await Promise.all([piping, sending])
    await to.close()
    await from.close()
    const { bytes, end } = await t.world.nextRecord()
    assert.deepEqual([bytes, end], [16 * MEBIBYTE, 'fin'])
  })

  test('idleTimeout(): a silent peer ends in ERR_IDLE_TIMEOUT, and the socket is reset', async (t) => {
    const connection = await connected(t, 'witness')
    const reading = connection.chunks()
    assert.equal(String((await reading.next()).value), 'hello')
    connection.idleTimeout(30)
    const error = await rejection(reading.next())
    assert.equal((error as NodeJS.ErrnoException).code, 'ERR_IDLE_TIMEOUT')
    assert.ok(connection.closed)
    assert.equal((await t.world.nextRecord()).end, 'reset')
  })
}

/** A simulated network is there for the order of events, not for speed; and its echo takes all there is. */
function isReal({ world }: Trial): boolean {
  return world.selfConnecting === undefined
}

function amount(t: Trial): number {
  return isReal(t) ? 64 * MEBIBYTE : 4 * MEBIBYTE
}

/** A stream closes its connection a moment after its end. */
async function closed(connection: Connection): Promise<void> {
  for (let i = 0; i < 100 && !connection.closed; i++) await turns(1)
  assert.ok(connection.closed)
}

async function textOf(duplex: Duplex): Promise<string> {
  let text = ''
  for await (const chunk of duplex) text += chunk
  return text
}
