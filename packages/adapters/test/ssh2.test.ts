/** ssh2 against OpenSSH. */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { sshd } from '@pollout/test-servers'
import { Client, type ClientChannel } from 'ssh2'
import { describe, expect, onTestFinished } from 'vitest'
import { sshSocket } from '../src/ssh2.js'
import { type Scene, withServer } from './setups.js'

async function open({ reactor, server }: Scene) {
  const client = new Client()
  onTestFinished(() => void client.destroy())
  client.connect({
    sock: sshSocket(reactor, `tcp://127.0.0.1:${server.port}`),
    username: userInfo().username,
    privateKey: readFileSync(join(server.directory, 'user.key')),
  })
  await once(client, 'ready')
  const run = promisify<string, ClientChannel>((command, done) => client.exec(command, done))
  return { client, run }
}

const close = async (client: Client): Promise<void> => {
  const closed = once(client, 'close')
  client.end()
  await closed
}

describe('ssh2', () => {
  withServer(sshd, (test) => {
    test('commands, beside each other', async (scene) => {
      const { client, run } = await open(scene)
      const texts = [1, 2, 3].map(async (n) => text(await run(`echo ${n}`)))
      expect(await Promise.all(texts)).toEqual(['1\n', '2\n', '3\n'])
      await close(client)
    })

    test('20 MB there, and back', async (scene) => {
      const { client, run } = await open(scene)
      const data = randomBytes(20 * 1024 * 1024)
      const sum = createHash('sha256').update(data).digest('hex')
      const channel = await run('cat')
      const back = createHash('sha256')
      const received = (async () => {
        for await (const chunk of channel) back.update(chunk)
      })()
      channel.end(data)
      await received
      expect(back.digest('hex')).toBe(sum)
      await close(client)
    })

    test('a command is given up: the connection goes on; then it is destroyed', async (scene) => {
      const { client, run } = await open(scene)
      const waiting = await run('echo started; exec cat')
      await once(waiting, 'data')
      const closed = once(waiting, 'close')
      waiting.close()
      await closed
      expect(await text(await run('echo on'))).toBe('on\n')
      client.destroy()
      await once(client, 'close')
    })

    test('the server goes and comes back: told; refused in between, with the errno', async (scene) => {
      const first = await open(scene)
      const waiting = await first.run('echo started; exec cat')
      await once(waiting, 'data')
      const closed = Promise.all([once(waiting, 'close'), once(first.client, 'close')])
      await scene.server.down()
      await closed
      await expect(open(scene)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await scene.server.up()
      const { client, run } = await open(scene)
      expect(await text(await run('echo on'))).toBe('on\n')
      await close(client)
    })
  })
})
