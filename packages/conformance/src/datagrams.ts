/** Conformance of sockets that carry messages: udp, unixgram, unixpacket; their boundaries, their peer, their errors. */

import assert from 'node:assert/strict'
import {
  ConnectError,
  type Connection,
  type ConnectOptions,
  Interest,
  type Socket,
  socketTypeOf,
  unixgram,
  unixpacket,
} from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { bytes, codeOf } from './transfer-tools.js'
import { addressOf, type Define, rejection, type Trial } from './trial.js'
import { MESSAGE_TRANSPORTS, type PeerKind, type Transport } from './world.js'

/** Over IPv4 a datagram carries 65,507 bytes, and by default unix sockets take 212,992 at once. */
const TOO_LONG = 1024 * 1024
const SIZES = [1, 1_000, 3, 30_000, 1, 1]

export function defineDatagramTests(test: Define): void {
  for (const transport of MESSAGE_TRANSPORTS) {
    /** A unix datagram socket has to have a name to be answered: unix(7). */
    const bind = transport === 'unixgram' ? ({ capability: 'bind' } as const) : {}

    test(
      `${transport}: connects, and tells both addresses`,
      async (t) => {
        const endpoint = t.world.endpoint('echo', transport)
        const connection = await connected(t, 'echo', transport)
        assert.equal(connection.type, socketTypeOf(endpoint))
        assert.deepEqual(connection.peerAddress, addressOf(endpoint))
        const local = connection.localAddress
        if (local && 'port' in local) assert.ok(local.port > 0)
        else if (transport === 'unixgram') assert.match(local?.path ?? '', /^\0./)
        else assert.deepEqual(local, { family: 'unix', path: '' })
        await connection.close()
        assert.equal(connection.localAddress, undefined)
      },
      { transport, ...bind },
    )

    test(
      `${transport}: a message goes and comes whole, by itself`,
      async (t) => {
        const connection = await connected(t, 'echo', transport)
        const messages = SIZES.map(bytes)
        const chunks = connection.chunks()
        for (const message of messages) {
          await connection.send(message)
          const { value } = await chunks.next()
          assert.deepEqual(value, message)
        }
        // Several on their way at once.
        await Promise.all(messages.map((message) => connection.send(message)))
        for (const message of messages) assert.deepEqual((await chunks.next()).value, message)
        await connection.close()
      },
      { transport, ...bind },
    )

    test(
      `${transport}: one that is too long is refused, and harms no other`,
      async (t) => {
        const connection = await connected(t, 'echo', transport)
        assert.equal(await codeOf(connection.send(Buffer.alloc(TOO_LONG))), 'EMSGSIZE')
        assert.deepEqual([connection.closed, connection.unsentBytes], [false, 0])
        await connection.send('short')
        assert.equal(String((await connection.chunks().next()).value), 'short')
        connection.reset()
      },
      { transport, ...bind },
    )
  }

  for (const transport of ['udp4', 'udp6', 'unixgram'] as const) {
    const bind = transport === 'unixgram' ? ({ capability: 'bind' } as const) : {}

    test(
      `${transport}: an empty datagram is one, and not the end`,
      async (t) => {
        const connection = await connected(t, 'echo', transport)
        const chunks = connection.chunks()
        for (const text of ['', 'more', '']) {
          await connection.send(text)
          const { done, value } = await chunks.next()
          assert.deepEqual([done, String(value)], [false, text])
        }
        await connection.close()
        assert.equal((await chunks.next()).done, true)
      },
      { transport, ...bind },
    )

    test(
      `${transport}: end() ends the sending on this side only`,
      async (t) => {
        const connection = await connected(t, 'echo', transport)
        const chunks = connection.chunks()
        await connection.send('last')
        await connection.end()
        assert.equal(await codeOf(connection.send('late')), 'EPIPE')
        assert.equal(String((await chunks.next()).value), 'last')
        await connection.close()
      },
      { transport, ...bind },
    )
  }

  for (const transport of ['udp4', 'udp6'] as const) {
    test(
      `${transport}: nobody there is told by ICMP, to who reads; the connection stays`,
      async (t) => {
        const connection = await connected(t, 'refused', transport)
        for (let round = 0; round < 3; round++) {
          const reading = connection.chunks().next()
          await connection.send('anybody?')
          const error = await reading.then(
            () => undefined,
            (reason: unknown) => reason,
          )
          assert.ok(error instanceof ConnectError, String(error))
          assert.deepEqual([error.code, error.phase], ['ECONNREFUSED', 'receive'])
          assert.equal(connection.closed, false)
        }
        await connection.close()
      },
      { transport },
    )

    test(
      `${transport}: where nobody reads, a later send is told, and only that one`,
      async (t) => {
        const connection = await connected(t, 'refused', transport)
        const refused = await Promise.race([sendUntilRefused(connection), stuck(connection)])
        assert.deepEqual([refused.code, refused.phase], ['ECONNREFUSED', 'send'])
        await connection.send('again')
        connection.reset()
      },
      { transport },
    )
  }

  test(
    'what others than the peer send is not heard',
    async (t) => {
      const connection = await connected(t, 'echo', 'udp4')
      const to = connection.localAddress
      assert.ok(to)
      await t.world.stranger(to, 'from elsewhere')
      await connection.send('from the peer')
      const chunks = connection.chunks()
      assert.equal(String((await chunks.next()).value), 'from the peer')
      await connection.close()
    },
    { transport: 'udp4' },
  )

  test(
    'a foreign datagram that came before the connect is still heard: udp(7)',
    async (t) => {
      const { socket, wait } = datagramSocket(t)
      assert.equal(socket.bind({ family: 'inet', address: '127.0.0.1', port: 0 }), 'OK')
      const to = socket.localAddress
      assert.ok(to)
      await t.world.stranger(to, 'early')
      await wait(Interest.READABLE)
      assert.equal(socket.connect(addressOf(t.world.endpoint('echo', 'udp4'))), 'OK')
      const into = Buffer.alloc(100)
      assert.equal(socket.receive(into), 5)
      assert.equal(socket.receive(into), 'EAGAIN')
      socket.close()
    },
    { transport: 'udp4', capability: 'immediateErrors' },
  )

  test(
    'disconnect() takes the peer away, and an address that nobody chose; then others may be connected to',
    async (t) => {
      const { socket, settle } = datagramSocket(t)
      const echo = addressOf(t.world.endpoint('echo', 'udp4'))
      const other = addressOf(t.world.endpoint('refused', 'udp4'))
      await settle(socket.connect(echo))
      assert.deepEqual(socket.peerAddress, echo)
      const local = socket.localAddress
      assert.ok(local?.family === 'inet' && local.port > 0)
      assert.equal(socket.disconnect(), 'OK')
      assert.equal(socket.peerAddress, undefined)
      const after = socket.localAddress
      assert.ok(after === undefined || (after.family === 'inet' && after.port === 0))
      assert.equal(socket.send(Buffer.from('x')), 'EDESTADDRREQ')
      await settle(socket.connect(other))
      assert.deepEqual(socket.peerAddress, other)
      socket.close()
    },
    { transport: 'udp4', disconnect: true },
  )

  test(
    'a second connect takes another peer, without a disconnect',
    async (t) => {
      const { socket, settle, wait } = datagramSocket(t)
      await settle(socket.connect(addressOf(t.world.endpoint('refused', 'udp4'))))
      const echo = addressOf(t.world.endpoint('echo', 'udp4'))
      await settle(socket.connect(echo))
      assert.deepEqual(socket.peerAddress, echo)
      assert.equal(socket.send(Buffer.from('hello')), 5)
      await wait(Interest.READABLE)
      const into = Buffer.alloc(3)
      // What has no room is cut off: recv(2).
      assert.equal(socket.receive(into), 3)
      assert.equal(socket.receive(into), 'EAGAIN')
      socket.close()
    },
    { transport: 'udp4' },
  )

  for (const [transport, make] of [
    ['unixgram', unixgram],
    ['unixpacket', unixpacket],
  ] as const) {
    test(
      `${transport} to a listener of another type: EPROTOTYPE; a stale file: ECONNREFUSED; none: ENOENT`,
      async (t) => {
        const reactor = t.reactor()
        const stream = t.world.endpoint('echo', 'unix')
        assert.ok('path' in stream)
        const codes = []
        const stale = t.world.endpoint('refused', transport)
        for (const endpoint of [make(stream.path), stale, make(t.world.noSuchPath)]) {
          codes.push(await codeOf(firstValueFrom(reactor.connect(endpoint))))
        }
        assert.deepEqual(codes, ['EPROTOTYPE', 'ECONNREFUSED', 'ENOENT'])
      },
      { transport },
    )
  }

  test(
    'unixpacket: end() is seen by the peer, whose end is seen here',
    async (t) => {
      const connection = await connected(t, 'echo', 'unixpacket')
      const chunks = connection.chunks()
      await connection.send('one')
      // It would be taken for the end: recv(2).
      await connection.send('')
      await connection.send('two')
      await connection.end()
      const texts = []
      for await (const chunk of chunks) texts.push(String(chunk))
      assert.deepEqual(texts, ['one', 'two'])
      await connection.close()
    },
    { transport: 'unixpacket' },
  )

  for (const host of ['127.0.0.1', '[::1]']) {
    test(
      `udp://${host}:0 is nobody: EINVAL, local`,
      async (t) => {
        const connecting = firstValueFrom(t.reactor().connect(`udp://${host}:0`))
        const { code, phase, localFault } = (await rejection(connecting)) as ConnectError
        assert.deepEqual([code, phase, localFault], ['EINVAL', 'local', true])
      },
      { transport: host === '127.0.0.1' ? 'udp4' : 'udp6' },
    )
  }

  test(
    'a socket that never connected: ENOTCONN, and not a reset',
    async (t) => {
      const reactor = t.reactor()
      for (const type of ['stream', 'dgram'] as const) {
        const socket = reactor.socket('inet', type)
        assert.equal(socket.finishConnect(), 'ENOTCONN')
        assert.equal(socket.finishConnect(), 'ENOTCONN')
        socket.close()
      }
    },
    { transport: 'udp4' },
  )

  test('kinds that the backend does not have are ERR_UNSUPPORTED', async (t) => {
    const reactor = t.reactor()
    const { sockets } = reactor.capabilities
    const kinds = [
      ['udp://127.0.0.1:9', sockets.inet.includes('dgram')],
      ['unixgram:/nothing', sockets.unix.includes('dgram')],
      ['unixpacket:/nothing', sockets.unix.includes('seqpacket')],
      ['vsock://1:9', sockets.vsock.includes('stream')],
    ] as const
    for (const [endpoint, supported] of kinds) {
      if (supported) continue
      const code = await codeOf(firstValueFrom(reactor.connect(endpoint)))
      assert.equal(code, 'ERR_UNSUPPORTED', endpoint)
    }
  })
}

/** On unixgram with a name of its own, so that it can be answered. */
function connected(t: Trial, kind: PeerKind, transport: Transport): Promise<Connection> {
  const options: ConnectOptions = transport === 'unixgram' ? { localAddress: '' } : {}
  return firstValueFrom(t.reactor().connect(t.world.endpoint(kind, transport), options))
}

/** The ICMP message of one is told to a later one. */
async function sendUntilRefused(connection: Connection): Promise<ConnectError> {
  for (;;) {
    try {
      await connection.send('anybody?')
    } catch (error) {
      assert.ok(error instanceof ConnectError)
      return error
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function stuck(connection: Connection): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, 60_000).unref())
  connection.reset()
  throw new Error('no send has been told of the refusal')
}

function datagramSocket(t: Trial) {
  const reactor = t.reactor()
  const socket: Socket = reactor.socket('inet', 'dgram')
  const wait = (interest: Interest) => firstValueFrom(reactor.readiness(socket, interest))
  /** A backend on Node's sockets may be asked only later how it went. */
  const settle = async (answer: string): Promise<void> => {
    if (answer === 'OK') return
    assert.equal(answer, 'EINPROGRESS')
    await wait(Interest.WRITABLE)
    assert.equal(socket.finishConnect(), 'OK')
  }
  return { socket, wait, settle }
}
