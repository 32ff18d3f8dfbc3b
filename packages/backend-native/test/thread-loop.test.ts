/** The loop that is a thread, where what it stands on fails it: setImmediate(), threads, a handler at the very end. */
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers'
import { nativeBackend } from '@pollout/backend-native'
import { createReactor, tcp } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { availability, listen, runChild, type TestServer, title } from './support.js'

describe.skipIf(!availability.available)(`native backend on a thread loop${title}`, () => {
  let server: TestServer

  beforeAll(async () => {
    server = await listen()
  })
  afterAll(() => server.close())

  /** Connects three times, one after the other: none of it without a report of its own. */
  const THREE = () => `
    let left = 3
    const ready = () => {
      say(String(backend.finishConnect(handle)))
      backend.close(handle, true)
      if (--left > 0) next()
    }
    let handle
    const next = () => {
      handle = backend.open(2, 1)
      backend.connect(handle, 2, '127.0.0.1', ${server.at.port})
      backend.register(handle, 1, 2)
    }
  `

  it('fake timers of Node change nothing', async () => {
    const { setImmediate } = timers
    const reactor = createReactor({ backend: nativeBackend({ loop: 'thread' }) })
    timers.setImmediate = (() => {}) as unknown as typeof setImmediate
    syncBuiltinESMExports()
    try {
      for (let i = 0; i < 3; i++) {
        const connection = await firstValueFrom(reactor.connect(tcp('127.0.0.1', server.at.port)))
        await connection.close()
      }
    } finally {
      timers.setImmediate = setImmediate
      syncBuiltinESMExports()
      await reactor.destroy()
    }
  })

  it.each([
    ['throws', "() => { throw new Error('from setImmediate()') }"],
    ['calls at once', '(then) => then()'],
  ])('a setImmediate() that %s does no harm', async (_, later) => {
    const { lines, stderr, code } = await runChild(`
      ${THREE()}
      const backend = addon.createBackend(ready, ready, 0, 0, ${later})
      next()
    `)
    expect({ lines, stderr, code }).toEqual({ lines: ['0', '0', '0'], stderr: '', code: 0 })
  })

  it('a process ends, though the last handler throws', async () => {
    const { lines, code } = await runChild(
      `
      ${THREE()}
      process.on('uncaughtException', ({ message }) => say(message))
      const backend = createBackend((...batch) => {
        ready(...batch)
        throw new Error('from the sink')
      }, ready)
      next()
      `,
      { loop: 'thread' },
    )
    const each = ['0', 'from the sink']
    expect({ lines, code }).toEqual({ lines: [...each, ...each, ...each], code: 0 })
  })

  const isRoot = process.getuid?.() === 0
  it.skipIf(!isRoot)(
    `where no thread can be started, the factory throws EAGAIN${isRoot ? '' : ' (skipped: needs root)'}`,
    async () => {
      const { lines } = await runChild(
        `
        process.setuid(65534)
        const before = descriptors()
        try {
          createBackend(() => {}, () => {})
        } catch ({ errno, syscall }) {
          say(errno + ' ' + syscall + ' ' + (descriptors() - before))
        }
        `,
        { wrap: ['prlimit', '--nproc=1'], loop: 'thread' },
      )
      expect(lines).toEqual(['-11 pthread_create 0'])
    },
  )
})
