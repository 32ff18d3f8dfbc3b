/** On real connections: `Connection.received` and iteration over it, with a server that cuts where it likes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { netBackend } from '@pollout/backend-net'
import { type Connection, createReactor, tcp } from '@pollout/core'
import {
  encodeLengthPrefixed,
  encodeLine,
  lengthPrefixedParser,
  lineParser,
  lines,
  RequestChannel,
  readFrames,
} from '@pollout/framing'
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs'
import { expect, it, onTestFinished } from 'vitest'

/** A connection to a server on loopback that does as it is told, and what the server has of it. */
async function connected(serve: (socket: Socket) => void): Promise<Connection> {
  const server = net.createServer(serve).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const reactor = createReactor({ backend: netBackend() })
  onTestFinished(async () => {
    await reactor.destroy()
    server.close()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return firstValueFrom(reactor.connect(tcp('127.0.0.1', port)))
}

it('lines of what is received', async () => {
  const connection = await connected((socket) => socket.end('one\r\ntwo\nthree\n'))
  const all = await lastValueFrom(connection.received.pipe(lines(), toArray()))
  expect(all).toEqual(['one', 'two', 'three'])
  await connection.close()
})

it('a peer that ends within a line', async () => {
  const connection = await connected((socket) => socket.end('one\ntw'))
  const all = lastValueFrom(connection.received.pipe(lines(), toArray()))
  await expect(all).rejects.toMatchObject({ code: 'ERR_FRAME_TRUNCATED' })
  await connection.close()
})

it("iteration at one's own pace, left in the middle; the connection stays open", async () => {
  const payload = Buffer.alloc(100_000, 'x')
  const frame = encodeLengthPrefixed(payload, { bytes: 4 })
  const connection = await connected((socket) => {
    for (let i = 0; i < 5; i++) socket.write(frame)
    socket.pipe(socket)
  })
  const parser = lengthPrefixedParser({ bytes: 4 })
  let count = 0
  for await (const one of readFrames(connection, parser)) {
    expect(one.equals(payload)).toBe(true)
    if (++count === 3) break
  }
  expect(connection.closed).toBe(false)
  // And gone on with, with what the parser had read too much.
  for await (const one of readFrames(connection, parser)) {
    expect(one.length).toBe(100_000)
    if (++count === 5) break
  }
  await connection.close()
})

it("pipelined requests, answered in two halves each, and the peer's end", async () => {
  const connection = await connected((socket) => {
    const parser = lineParser()
    socket.setNoDelay()
    socket.on('data', (chunk) => {
      for (const line of parser.push(chunk)) {
        if (line === 'quit') {
          socket.end()
          return
        }
        const answer = `you said ${line}\r\n`
        socket.write(answer.slice(0, 4))
        socket.write(answer.slice(4))
      }
    })
  })
  const channel = new RequestChannel({
    responses: connection.received.pipe(lines({ maxBytes: 100 })),
    send: (command: string) => connection.send(encodeLine(command)),
    maxOutstanding: 10,
  })
  const words = Array.from({ length: 100 }, (_, i) => `word ${i}`)
  const answers = words.map((word) => firstValueFrom(channel.request(word)))
  expect(await Promise.all(answers)).toEqual(words.map((word) => `you said ${word}`))
  await expect(firstValueFrom(channel.request('quit'))).rejects.toMatchObject({
    code: 'ERR_CHANNEL_ENDED',
    sent: true,
  })
  expect(channel.ended).toBe(true)
  await connection.close()
})

it('closing the connection ends the channel', async () => {
  const connection = await connected((socket) => socket.resume())
  const channel = new RequestChannel({
    responses: connection.received.pipe(lines()),
    send: (command: string) => connection.send(encodeLine(command)),
  })
  const answer = firstValueFrom(channel.request('anybody there'))
  const told = expect(answer).rejects.toMatchObject({ code: 'ERR_CHANNEL_ENDED' })
  connection.reset()
  await told
})

it.each(['in a handler of a response', "at 'exit'"])(
  'a request that is given %s, before the process exits, is sent',
  async (when) => {
    let heard = ''
    const server = net.createServer((socket) => {
      socket.write('hello\n')
      socket.on('data', (data) => {
        heard += data
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const ended = once(server, 'connection').then(([socket]) => once(socket as Socket, 'end'))
    const { port } = server.address() as AddressInfo
    const ask = "channel.request('last words').subscribe({ error() {} })"
    const program = `
      import { netBackend } from '@pollout/backend-net'
      import { createReactor } from '@pollout/core'
      import { encodeLine, lines, RequestChannel } from '@pollout/framing'
      createReactor({ backend: netBackend() }).connect('tcp://127.0.0.1:${port}').subscribe((connection) => {
        const channel = new RequestChannel({
          responses: connection.received.pipe(lines()),
          send: (command) => connection.send(encodeLine(command)),
          isPush: () => true,
        })
        ${when === "at 'exit'" ? `process.on('exit', () => ${ask})` : ''}
        channel.pushes.subscribe(() => {
          ${when === "at 'exit'" ? '' : ask}
          process.exit()
        })
      })`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const [code] = await once(child, 'close')
    await ended
    expect([code, heard]).toEqual([0, 'last words\n'])
    server.close()
  },
)
