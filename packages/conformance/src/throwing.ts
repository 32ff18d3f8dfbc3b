/** Conformance where user code throws: reported as uncaught, once; what called it goes on, and nothing is left half done. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { systemClock } from '@pollout/core'
import { firstValueFrom, lastValueFrom } from 'rxjs'
import { connected } from './transfer-tools.js'
import type { Define } from './trial.js'
import { uncaughtDuring } from './uncaught-errors.js'

const WORDS = ['one', 'two', 'three', 'four']

export function defineThrowingTests(test: Define): void {
  for (const how of ['duplex()', 'toDuplex()'] as const) {
    test(`listeners of ${how} that throw: all data comes, the end, and the close, as with a net.Socket`, async (t) => {
      const socket =
        how === 'duplex()'
          ? t.reactor().duplex(t.world.endpoint('echo'))
          : (await connected(t, 'echo')).toDuplex()
      const heard: string[] = []
      const closed = once(socket, 'close')
      // One word after the other, so that each comes by itself.
      socket.on('data', (data) => {
        heard.push(String(data))
        const next = WORDS[heard.length]
        if (next) socket.write(next)
        else socket.end()
        throw new Error(`data ${heard.length}`)
      })
      socket.on('end', () => heard.push('end'))
      const errors = await uncaughtDuring(async () => {
        socket.write(WORDS[0] as string, () => {
          throw new Error('written')
        })
        await closed
      })
      assert.deepEqual(heard, [...WORDS, 'end'])
      assert.deepEqual(errors, ['data 1', 'data 2', 'data 3', 'data 4', 'written'])
    })
  }

  test('a listener of connect that throws: what comes is read all the same', async (t) => {
    const socket = t.reactor().duplex(t.world.endpoint('greeter'))
    const closed = once(socket, 'close')
    socket.on('connect', () => {
      throw new Error('connect')
    })
    const heard: string[] = []
    socket.on('data', (data) => heard.push(String(data)))
    assert.deepEqual(await uncaughtDuring(() => closed), ['connect'])
    assert.equal(heard.join(''), 'hello')
  })

  test('handlers of received that throw: each later chunk comes, and the end', async (t) => {
    const connection = await connected(t, 'echo')
    const heard: string[] = []
    const errors = await uncaughtDuring(
      () =>
        new Promise<void>((resolve) => {
          connection.received.subscribe({
            next(chunk) {
              heard.push(String(chunk))
              const next = WORDS[heard.length]
              void (next ? connection.send(next) : connection.end())
              throw new Error(`next ${heard.length}`)
            },
            complete() {
              resolve()
              throw new Error('complete')
            },
          })
          void connection.send(WORDS[0] as string)
        }),
    )
    assert.deepEqual(heard, WORDS)
    assert.deepEqual(errors, ['complete', 'next 1', 'next 2', 'next 3', 'next 4'])
    await connection.close()
  })

  test('a reader and a writer at once: who reads and throws does not keep the other from writing', async (t) => {
    const socket = t.reactor().duplex(t.world.endpoint('echo'))
    const size = 8 * 1024 * 1024
    let count = 0
    let isThrown = false
    const ended = once(socket, 'close')
    socket.on('data', (data: Buffer) => {
      count += data.length
      if (isThrown) return
      isThrown = true
      throw new Error('in the middle')
    })
    const errors = await uncaughtDuring(async () => {
      socket.end(Buffer.alloc(size))
      await ended
    })
    assert.deepEqual([errors, count], [['in the middle'], size])
  })

  test('a clock that throws, whenever that is: nobody waits for ever, and nothing is left behind', async (t) => {
    for (let throwsAt = 1; ; throwsAt++) {
      let calls = 0
      const passing = <Args extends unknown[], Result>(ask: (...args: Args) => Result) => {
        return (...args: Args): Result => {
          if (++calls === throwsAt) throw new Error('clock')
          return ask(...args)
        }
      }
      // It is asked once when the reactor is made, and throws there for whoever makes it.
      const clock = {
        now: systemClock.now,
        setTimer: systemClock.setTimer,
        defer: systemClock.defer,
      }
      const reactor = t.reactor({ clock })
      Object.assign(clock, {
        now: passing(systemClock.now),
        setTimer: passing(systemClock.setTimer),
        defer: passing(systemClock.defer),
      })
      const errors = await uncaughtDuring(async () => {
        const connection = await firstValueFrom(reactor.connect(t.world.endpoint('echo')))
        connection.idleTimeout(20)
        const ended = lastValueFrom(connection.received).catch((error) => error.code)
        await connection.send('hello')
        assert.equal(await ended, 'ERR_IDLE_TIMEOUT')
        const other = await firstValueFrom(reactor.connect(t.world.endpoint('echo')))
        await other.close({ timeoutMs: 60_000 })
      })
      const { inFlight, queued, open, deadlines } = reactor.stats()
      assert.deepEqual([inFlight, queued, open, deadlines], [0, 0, 0, 0])
      await reactor.destroy()
      if (calls < throwsAt) return
      assert.deepEqual(errors, ['clock'])
    }
  })
}
