/** What an error says: whose trouble it was, about which address, by whose clock; and that making one leaves no mark. */
import { errno, systemResolver } from '@pollout/core'
import { manualClock, scriptedBackend } from '@pollout/testing'
import { describe, expect, it } from 'vitest'
import { ConnectError, errorWithoutStack } from '../src/errors/connect-error.js'
import { connectFailure, reportedFailure, transferFailure } from '../src/errors/failures.js'
import { Allowance } from '../src/fan-out/allowance.js'
import { OutboundCore } from '../src/outbound/outbound-core.js'

const PEER = { family: 'inet', address: '192.0.2.1', port: 80 } as const

describe('ConnectError', () => {
  it('without a stack leaves the stacks of others as they were', () => {
    const before = Error.stackTraceLimit
    const error = errorWithoutStack(reportedFailure(-errno.ECONNREFUSED), { address: PEER })
    expect(error.stack?.split('\n')).toHaveLength(1)
    expect(Error.stackTraceLimit).toBe(before)
    expect(new Error('x').stack?.split('\n').length).toBeGreaterThan(1)
  })

  it('is about the local address where that is what failed, and port 0 is none', () => {
    const localAddress = { family: 'inet', address: '127.0.0.9', port: 0 } as const
    const failure = { ...connectFailure(-errno.EADDRINUSE, 'bind'), localAddress }
    const { address, port, message } = new ConnectError(failure, { address: PEER })
    expect([address, port]).toEqual(['127.0.0.9', undefined])
    expect(message).toContain('127.0.0.9')
    expect(message).not.toContain('192.0.2.1')
  })
})

describe('failures', () => {
  it('the kernel gives up on a connect, and on nothing else by that name', () => {
    expect(reportedFailure(-errno.ETIMEDOUT).timedOutBy).toBe('kernel')
    expect(transferFailure(-errno.ETIMEDOUT, 'receive', 'recv').timedOutBy).toBeUndefined()
  })

  it.each(['EACCES', 'ENOPROTOOPT'] as const)(
    "%s of send(2) is this side's where it was the call's own word",
    (name) => {
      const of = (isOwn: boolean) => transferFailure(-errno[name], 'send', 'send', undefined, isOwn)
      expect(of(true).localFault).toBe(true)
      expect(of(false).localFault).toBe(false)
    },
  )

  it.each(['ENODEV', 'ENETDOWN', 'ENOSPC', 'EBADF', 'ENAMETOOLONG'] as const)(
    '%s of connect(2) says nothing about the peer',
    (name) => {
      expect(connectFailure(-errno[name], 'connect')).toMatchObject({
        localFault: true,
        phase: 'local',
      })
    },
  )
})

describe('Allowance', () => {
  it('goes down where something runs out, and up again with each attempt that has what it needs', () => {
    const core = new OutboundCore(scriptedBackend().factory, manualClock(), systemResolver)
    const options = { concurrency: 100, adaptive: false, timeoutMs: 10_000 }
    const allowance = new Allowance(core, options as never, () => {})
    const task = { key: 'a', family: 'inet' }
    const failure = connectFailure(-errno.EMFILE, 'socket')
    expect(allowance.keeps(task as never, failure, 10, () => ({}) as never)).toBe(true)
    expect(allowance.limit).toBe(9)
    for (let i = 0; i < 20; i++) allowance.sufficed(0)
    expect(allowance.limit).toBeGreaterThan(9)
    for (let i = 0; i < 10_000; i++) allowance.sufficed(0)
    expect(allowance.limit).toBe(100)
    allowance.clear()
  })
})
