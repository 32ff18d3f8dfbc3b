/** Whose fault it is: the same number is told another way where a call returns it than where SO_ERROR reports it. */
import {
  type BackendFactory,
  ConnectError,
  type Connection,
  type ErrnoTable,
  errno,
  isBeyondRetry,
  type Outcome,
  Readiness,
} from '@pollout/core'
import { manualClock, scriptedBackend, withBulkLane } from '@pollout/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createReactor } from '../src/reactor.js'
import { LANES, microtasks, record, type StageOptions, stage } from './harness.js'

const URI = 'tcp://192.0.2.1:80'
/** What ICMP and ICMPv6 packets become, but for ECONNREFUSED. */
const BY_PACKET = [
  'EACCES',
  'ENOPROTOOPT',
  'EPROTO',
  'EOPNOTSUPP',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETUNREACH',
] as const

function numberOf(name: keyof ErrnoTable | 'EHOSTDOWN'): number {
  return -((errno as Readonly<Record<string, number>>)[name] ?? Number.NaN)
}

function outcomeOf(options: StageOptions, uri = URI): Outcome<string> | undefined {
  const { script, clock, reactor } = stage(options)
  const many = record(reactor.connectMany([uri]))
  clock.settle()
  script.deliverAll(script.open)
  clock.settle()
  return many.values[0]
}

describe.each(LANES)('%s', (_lane, bulk) => {
  it.each(BY_PACKET)('%s by SO_ERROR is the network’s word: unreachable', (name) => {
    const outcome = outcomeOf({ bulk, answers: { finishConnect: numberOf(name) } })
    expect(outcome).toMatchObject({ kind: 'unreachable', phase: 'connect', localFault: false })
  })

  it.each(['EACCES', 'ENOPROTOOPT', 'EPERM'] as const)('%s by connect() is local', (name) => {
    const outcome = outcomeOf({ bulk, answers: { connect: numberOf(name) } })
    expect(outcome).toMatchObject({ kind: 'local', phase: 'local', localFault: true })
  })

  it.each([
    [true, 'EACCES', 'local'],
    [false, 'EACCES', 'unreachable'],
    [false, 'EPERM', 'other'],
    [false, 'EMFILE', 'other'],
  ] as const)('a backend that says failedHere %s of %s: %s', (here, name, kind) => {
    const clock = manualClock()
    const script = scriptedBackend({ clock, answers: { finishConnect: numberOf(name) } })
    const saying: BackendFactory = (sink) =>
      Object.assign(script.factory(sink), { failedHere: () => here })
    const backend = bulk ? withBulkLane(saying, { clock }) : saying
    const reactor = createReactor({ clock, backend })
    onTestFinished(() => reactor.destroy())
    const many = record(reactor.connectMany([URI]))
    clock.settle()
    script.deliverAll(script.open)
    clock.settle()
    // Not put aside either: nothing has run out here.
    expect(many.values).toMatchObject([{ code: name, kind }])
  })

  it('what SO_ERROR reports is never taken for something that has run out here', () => {
    const { script, clock, reactor } = stage({ bulk })
    const many = record(reactor.connectMany([URI, 'tcp://192.0.2.2:80'], { concurrency: 1 }))
    clock.settle()
    script.answers.finishConnect = numberOf('EHOSTDOWN')
    script.deliverAll(script.open)
    clock.settle()
    script.deliverAll(script.open)
    clock.settle()
    expect(many.values.map(({ kind }) => kind)).toEqual(['unreachable', 'unreachable'])
  })
})

it.each(['bind', 'setOption', 'open'] as const)('all that %s() says is local', (call) => {
  const { clock, reactor } = stage({ answers: { [call]: numberOf('ENOENT') } })
  const options = { localAddress: '192.0.2.9', noDelay: true }
  const connecting = record(reactor.connect(URI, options))
  clock.settle()
  expect(connecting.ended).toMatchObject({ code: 'ENOENT', phase: 'local', localFault: true })
})

it('EPERM of a unix datagram socket is the peer’s: it is connected to somebody else', () => {
  for (const [uri, localFault] of [
    ['unixgram:/x', false],
    ['unixpacket:/x', true],
    ['unix:/x', true],
    ['udp://192.0.2.1:80', true],
  ] as const) {
    const { clock, reactor } = stage({ answers: { connect: -errno.EPERM } })
    const connecting = record(reactor.connect(uri))
    clock.settle()
    expect([uri, (connecting.ended as ConnectError).localFault]).toEqual([uri, localFault])
  }
})

describe('a connection', () => {
  async function failing(
    call: 'receive' | 'send',
    name: keyof ErrnoTable,
    uri = 'udp://192.0.2.1:80',
  ) {
    const { script, clock, reactor } = stage({ answers: { [call]: numberOf(name) } })
    const connecting = record(reactor.connect(uri))
    script.deliverAll(script.open)
    const connection = connecting.values[0] as Connection
    const reading = record(connection.received)
    const sending = connection.send('x').catch((error: unknown) => error)
    clock.settle()
    if (call === 'receive') {
      for (const socket of script.open) script.ready(socket, Readiness.READABLE)
      script.deliver()
    }
    const error = call === 'receive' ? reading.ended : await sending
    await microtasks()
    connection.reset()
    clock.settle()
    return error as ConnectError
  }

  it.each([
    ['receive', 'EACCES', false],
    ['receive', 'ENOPROTOOPT', false],
    ['receive', 'ECONNREFUSED', false],
    ['receive', 'EBADF', true],
    ['send', 'EACCES', false],
    ['send', 'ENOPROTOOPT', false],
    ['send', 'EPERM', true],
    ['send', 'ENOBUFS', true],
  ] as const)('over UDP: %s() says %s, localFault %s', async (call, name, localFault) => {
    expect(await failing(call, name)).toMatchObject({ code: name, phase: call, localFault })
  })

  it('over unixgram: EPERM of send() is the peer’s', async () => {
    expect(await failing('send', 'EPERM', 'unixgram:/x')).toMatchObject({ localFault: false })
  })
})

it.each(BY_PACKET)('reconnecting() goes on after %s from the network', (name) => {
  const { script, clock, reactor } = stage({ answers: { finishConnect: numberOf(name) } })
  const connecting = record(reactor.connect(URI))
  clock.settle()
  script.deliverAll(script.open)
  expect(connecting.ended).toBeInstanceOf(ConnectError)
  expect(isBeyondRetry(connecting.ended)).toBe(false)
})

it.each(BY_PACKET)('a race tells a refusal rather than %s', async (name) => {
  const resolver = { resolve: async () => ['192.0.2.1', '192.0.2.2'] }
  const { script, clock, reactor } = stage({ resolver })
  const connecting = record(reactor.connect('tcp://peer.test:80'))
  clock.settle()
  await microtasks()
  clock.settle()
  for (const number of [-errno.ECONNREFUSED, numberOf(name)]) {
    script.answers.finishConnect = number
    script.deliverAll(script.open)
    clock.settle()
  }
  expect(connecting.outcome).toBe('ECONNREFUSED')
})
