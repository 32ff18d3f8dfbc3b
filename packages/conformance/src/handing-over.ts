/** Conformance of a connection's options, and of its descriptor's way out: `detach()` and `toNetSocket()`. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import type { Socket as NetSocket } from 'node:net'
import { ConnectError } from '@pollout/core'
import { lastValueFrom, toArray } from 'rxjs'
import { codeOf, connected } from './transfer-tools.js'
import type { Define } from './trial.js'

const LARGE = 16 * 1024 * 1024

export function defineHandOverTests(test: Define): void {
  const kernel = { capability: 'kernelSockets' } as const

  test(
    'options of a connection: set, read back, refused when it is closed',
    async (t) => {
      const connection = await connected(t, 'echo')
      connection.setOption('noDelay', true)
      assert.equal(connection.getOption('noDelay'), true)
      connection.setOption('noDelay', false)
      assert.equal(connection.getOption('noDelay'), false)
      assert.throws(() => connection.setOption('broadcast', true), {
        name: 'ConnectError',
        code: 'ENOPROTOOPT',
        syscall: 'setsockopt',
        phase: 'local',
        localFault: true,
      })
      await connection.close()
      assert.throws(() => connection.setOption('noDelay', true), { code: 'ERR_CONNECTION_CLOSED' })
      assert.throws(() => connection.getOption('noDelay'), { code: 'ERR_CONNECTION_CLOSED' })
    },
    { transport: 'tcp4', option: 'noDelay', ...kernel },
  )

  test(
    'setOption() alone needs no kernel sockets',
    async (t) => {
      const connection = await connected(t, 'echo')
      connection.setOption('noDelay', true)
      await connection.send('x')
      assert.equal(String((await connection.chunks().next()).value), 'x')
      await connection.close()
    },
    { transport: 'tcp4', option: 'noDelay' },
  )

  test(
    'detach(): the reader is told the end, and the descriptor is the caller’s',
    async (t) => {
      const connection = await connected(t, 'echo')
      const received = lastValueFrom(connection.received.pipe(toArray()))
      const descriptor = connection.detach()
      assert.deepEqual(await received, [])
      assert.ok(connection.closed)
      assert.equal(await codeOf(connection.send('late')), 'ERR_CONNECTION_CLOSED')
      assert.throws(() => connection.detach(), { code: 'ERR_CONNECTION_CLOSED' })
      await connection.close()
      connection.reset()
      // Closed by nobody before: this would throw EBADF.
      closeSync(descriptor)
    },
    { transport: 'tcp4', ...kernel },
  )

  test(
    'detach() is refused while data waits to be sent, and nothing is lost by that',
    async (t) => {
      const connection = await connected(t, 'deaf')
      const sending = connection.send(Buffer.alloc(LARGE))
      assert.throws(() => connection.detach(), { code: 'ERR_UNSENT_DATA', phase: 'send' })
      assert.throws(() => connection.toNetSocket(), { code: 'ERR_UNSENT_DATA' })
      assert.equal(connection.closed, false)
      await t.world.listenUp()
      await sending
      await connection.close()
      assert.deepEqual(await t.world.nextRecord().then(({ bytes, end }) => [bytes, end]), [
        LARGE,
        'fin',
      ])
    },
    { transport: 'tcp4', ...kernel },
  )

  for (const transport of ['tcp4', 'tcp6', 'unix'] as const) {
    test(
      `toNetSocket() over ${transport}: a whole net.Socket, with what had not been read`,
      async (t) => {
        const connection = await connected(t, 'echo', transport)
        await connection.send('one,')
        const { localAddress } = connection
        const socket = connection.toNetSocket()
        assert.ok(connection.closed)
        assert.equal(socket.readyState, 'open')
        if (localAddress && 'port' in localAddress)
          assert.equal(socket.localPort, localAddress.port)
        socket.end('two')
        assert.equal(await readAll(socket), 'one,two')
        assert.deepEqual([socket.bytesRead, socket.bytesWritten], [7, 3])
      },
      { transport, ...kernel },
    )
  }

  test(
    'toNetSocket({ allowHalfOpen }): this side goes on after the end of the peer',
    async (t) => {
      const connection = await connected(t, 'greeter')
      const socket = connection.toNetSocket({ allowHalfOpen: true })
      socket.resume()
      await once(socket, 'end')
      assert.equal(socket.writable, true)
      socket.end('after')
      await once(socket, 'close')
      const { bytes, end } = await t.world.nextRecord()
      assert.deepEqual([bytes, end], [5, 'fin'])
    },
    { transport: 'tcp4', ...kernel },
  )

  test(
    'what Node has no sockets for is no net.Socket: ERR_UNSUPPORTED, and the connection stays',
    async (t) => {
      const connection = await connected(t, 'echo', 'udp4')
      assert.throws(
        () => connection.toNetSocket(),
        (error) => error instanceof ConnectError && error.code === 'ERR_UNSUPPORTED',
      )
      await connection.send('still here')
      assert.equal(String((await connection.chunks().next()).value), 'still here')
      await connection.close()
    },
    { transport: 'udp4' },
  )

  test('without kernel sockets: ERR_UNSUPPORTED, and the connection stays', async (t) => {
    const connection = await connected(t, 'echo')
    if (!t.reactor().capabilities.kernelSockets) {
      for (const call of [
        () => connection.detach(),
        () => connection.toNetSocket(),
        () => connection.tcpInfo(),
        () => connection.getOption('noDelay'),
      ]) {
        assert.throws(call, { code: 'ERR_UNSUPPORTED' })
      }
    }
    await connection.send('x')
    assert.equal(String((await connection.chunks().next()).value), 'x')
    await connection.close()
  })
}

async function readAll(socket: NetSocket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  await once(socket, 'close')
  return text
}
