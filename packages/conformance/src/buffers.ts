/** Conformance of buffers that their user takes away, shrinks or lets grow while they are to be sent. */

import assert from 'node:assert/strict'
import { type Connection, Interest } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { bytes, codeOf, connected, cutShort, MEBIBYTE, sha1 } from './transfer-tools.js'
import type { Define, Trial } from './trial.js'

/** More than a peer has room for that reads nothing. */
const MUCH = Buffer.alloc(8 * MEBIBYTE, 'much')

/** As `worker.postMessage(data, [data.buffer])` does it. */
function transfer({ buffer }: Uint8Array<ArrayBuffer>): void {
  structuredClone(buffer, { transfer: [buffer] })
}

/** ES2024; Node has had it since 20. */
interface Resizable extends ArrayBuffer {
  resize(byteLength: number): void
}

function resizable(byteLength: number, maxByteLength: number): Resizable {
  const Constructor = ArrayBuffer as unknown as new (
    byteLength: number,
    options: { maxByteLength: number },
  ) => Resizable
  return new Constructor(byteLength, { maxByteLength })
}

/** The types of WebAssembly come with those of a browser. */
function growingMemory(): { readonly buffer: ArrayBuffer; grow(pages: number): number } {
  const { Memory } = (globalThis as never as { WebAssembly: { Memory: new (o: object) => never } })
    .WebAssembly
  return new Memory({ initial: 1, maximum: 2 })
}

/** Sends more than a peer that reads nothing has room for; resolves when some of it waits. */
async function stuck(t: Trial): Promise<{ connection: Connection; first: Promise<void> }> {
  const connection = await connected(t, 'deaf')
  const first = connection.send(MUCH)
  first.catch(() => {})
  assert.ok(connection.unsentBytes > 0)
  return { connection, first }
}

export function defineBufferTests(test: Define): void {
  test('transferred when a part of it is out: rejected, and the stream is reset', async (t) => {
    const connection = await connected(t, 'deaf')
    const data = new Uint8Array(8 * MEBIBYTE)
    const sending = codeOf(connection.send(data))
    const behind = codeOf(connection.send('behind'))
    transfer(data)
    await t.world.listenUp()
    assert.deepEqual([await sending, await behind], ['ERR_BUFFER_LOST', 'ERR_BUFFER_LOST'])
    assert.deepEqual([connection.closed, connection.unsentBytes], [true, 0])
    await cutShort(t)
  })

  const takings: Readonly<Record<string, (t: Trial) => [Uint8Array, () => void]>> = {
    transferred: () => {
      const data = new Uint8Array(4)
      return [data, () => transfer(data)]
    },
    shrunk: () => {
      const buffer = resizable(4, 8)
      return [new Uint8Array(buffer), () => buffer.resize(3)]
    },
    'of a WebAssembly memory that grows': () => {
      const memory = growingMemory()
      return [new Uint8Array(memory.buffer, 0, 4), () => void memory.grow(1)]
    },
  }
  for (const [how, make] of Object.entries(takings)) {
    test(`${how} while it waits behind others: no hole, but a reset`, async (t) => {
      const { connection } = await stuck(t)
      const [data, take] = make(t)
      const sending = codeOf(connection.send(data))
      take()
      await t.world.listenUp()
      assert.equal(await sending, 'ERR_BUFFER_LOST')
      assert.ok(connection.closed)
      await t.world.nextRecord()
    })
  }

  test('one that grows, or is shared: what it was when it was given', async (t) => {
    const connection = await connected(t, 'deaf')
    const first = connection.send(MUCH)
    const growing = resizable(4, 8)
    const view = new Uint8Array(growing)
    view.set(bytes(4))
    const shared = new Uint8Array(new SharedArrayBuffer(4))
    shared.set(bytes(4))
    const all = Promise.all([first, connection.send(view), connection.send(shared)])
    growing.resize(8)
    await t.world.listenUp()
    await all
    await connection.close()
    const whole = Buffer.concat([MUCH, bytes(4), bytes(4)])
    assert.equal((await t.world.nextRecord()).digest, sha1(whole))
  })

  for (const transport of ['tcp4', 'udp4'] as const) {
    test(
      `taken away before it was given, on ${transport}: one rejection, and all goes on`,
      async (t) => {
        const connection = await connected(t, 'echo', transport)
        const [away, shrunk] = [new Uint8Array(4), resizable(8, 8)]
        transfer(away)
        const outside = new Uint8Array(shrunk, 4, 4)
        shrunk.resize(2)
        assert.equal(await codeOf(connection.send(away)), 'ERR_BUFFER_LOST')
        assert.equal(await codeOf(connection.send(outside)), 'ERR_BUFFER_LOST')
        assert.equal(connection.unsentBytes, 0)
        await connection.send('next')
        assert.equal(String(await firstValueFrom(connection.received)), 'next')
        await connection.close()
      },
      { transport },
    )
  }

  test(
    'a datagram transferred while it waits: rejected alone, and the next one goes out',
    async (t) => {
      const reactor = t.reactor()
      const peer = reactor.socket('unix', 'dgram')
      peer.bind({ family: 'unix', path: '' })
      const { path } = peer.localAddress as { path: string }
      const connection = await firstValueFrom(reactor.connect({ scheme: 'unixgram', path }))
      const sent: Promise<void>[] = []
      while (connection.unsentBytes === 0) sent.push(connection.send('x'))
      const data = new Uint8Array(4)
      const sending = codeOf(connection.send(data))
      const next = connection.send('next')
      transfer(data)
      const into = Buffer.alloc(8)
      const read = (): string => into.toString('latin1', 0, Number(peer.receive(into)))
      for (let last = ''; last !== 'next'; last = read()) {
        await firstValueFrom(reactor.readiness(peer, Interest.READABLE))
      }
      assert.equal(await sending, 'ERR_BUFFER_LOST')
      await Promise.all([...sent, next])
      await connection.close()
      peer.close()
    },
    { transport: 'unixgram', capability: ['bind', 'kernelReadiness', 'kernelSockets'] },
  )

  test('written to a Duplex and transferred: an error, and the peer gets no hole', async (t) => {
    const duplex = (await connected(t, 'echo')).toDuplex()
    const data = new Uint8Array(4)
    duplex.cork()
    duplex.write('before')
    duplex.write(data)
    duplex.write('behind')
    transfer(data)
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => duplex.once('error', resolve))
    const closed = new Promise((resolve) => duplex.once('close', resolve))
    duplex.uncork()
    assert.equal((await failed).code, 'ERR_BUFFER_LOST')
    await closed
  })

  test('written to a Web stream and transferred before its turn: an error', async (t) => {
    const connection = await connected(t, 'deaf')
    const writer = connection.writable.getWriter()
    writer.closed.catch(() => {})
    const first = writer.write(MUCH)
    first.catch(() => {})
    const data = new Uint8Array(4)
    const second = codeOf(writer.write(data))
    transfer(data)
    await t.world.listenUp()
    assert.equal(await second, 'ERR_BUFFER_LOST')
    assert.ok(connection.closed)
    await t.world.nextRecord()
  })

  for (const ending of ['close', 'end'] as const) {
    test(
      `${ending}() behind a send that is taken back waits for nothing more`,
      async (t) => {
        const reactor = t.reactor()
        const connection = await firstValueFrom(reactor.connect(t.world.endpoint('deaf', 'unix')))
        const controller = new AbortController()
        let sending = Promise.resolve()
        // Byte by byte, so that the one that waits is not sent in part.
        for (let i = 1; connection.unsentBytes === 0; i++) {
          sending = connection.send('x', { signal: controller.signal })
          if (i % 100 === 0) await new Promise(setImmediate)
        }
        const taken = codeOf(sending)
        const ended = connection[ending]()
        controller.abort()
        assert.equal(await taken, 'ABORT_ERR')
        await ended
        assert.equal(connection.unsentBytes, 0)
        assert.equal(reactor.stats().registrations, 0)
        await t.world.listenUp()
        await connection.close()
        await t.world.nextRecord()
      },
      // A simulated peer has room for so much that byte by byte takes too long.
      { transport: 'unix', realNetwork: true },
    )
  }
}
