/** The policy in the engine: asked about every address just before connect(2), and nothing is opened for what it denies. */
import {
  type ConnectError,
  ConnectStatus,
  type DestinationPolicy,
  destinationPolicy,
  errno,
  type SocketAddress,
} from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { record, stage } from './harness.js'
import { scene, whole } from './race-scene.js'

const [BAD, GOOD, ALSO_GOOD] = ['127.0.0.1', '192.0.2.1', '192.0.2.2'] as const
const policy = destinationPolicy({ deny: ['127.0.0.0/8', '::1'], ports: [80], unixPaths: ['/ok'] })

/** Allows, or not, by its turn; and notes what it was asked. */
function byTurn(...allowed: boolean[]): DestinationPolicy & { asked: SocketAddress[] } {
  const asked: SocketAddress[] = []
  return {
    asked,
    check(address) {
      asked.push(address)
      return { allowed: allowed[asked.length - 1] ?? false, rule: 'turn', reason: 'its turn' }
    },
  }
}

describe('what is denied', () => {
  it.each([
    ['tcp://127.0.0.1:80', 'deny 127.0.0.0/8'],
    ['tcp://[::ffff:127.0.0.1]:80', 'deny 127.0.0.0/8'],
    ['tcp://[::1]:80', 'deny ::1'],
    ['tcp://0.0.0.0:80', 'unspecified'],
    ['tcp://192.0.2.1:81', 'ports'],
    ['udp://127.0.0.1:80', 'deny 127.0.0.0/8'],
    ['udp://[::1%lo]:80', 'malformed'],
    ['unix:/run/docker.sock', 'unixPaths'],
    ['unix:/ok/../run/docker.sock', 'malformed'],
    ['unix:relative', 'malformed'],
    ['unix:@abstract', 'unixPaths'],
    ['unixgram:/dev/log', 'unixPaths'],
    ['unixpacket:/run/udev/control', 'unixPaths'],
    ['vsock://2:1024', 'vsock'],
  ])('%s: no socket, and an outcome of its own that names the rule %s', (uri, rule) => {
    const { script, clock, reactor } = stage({ policy })
    const connecting = record(reactor.connect(uri))
    const many = record(reactor.connectMany([uri]))
    clock.settle()
    const failure = { code: 'ERR_DENIED', phase: 'policy', localFault: true, errno: undefined }
    expect(connecting.ended).toMatchObject({ ...failure, syscall: 'connect' })
    const { message, attempts } = connecting.ended as ConnectError
    expect(message).toContain(`denied by the destination policy, rule "${rule}": `)
    expect(attempts).toMatchObject([{ result: 'ERR_DENIED', timeline: { sentAt: undefined } }])
    expect(many.values).toMatchObject([{ ...failure, kind: 'denied' }])
    expect(script.sockets).toEqual([])
  })

  it('does not hold up a fan-out: the others connect', () => {
    const { script, clock, reactor } = stage({ policy })
    const targets = [BAD, GOOD, BAD, ALSO_GOOD].map((host) => `tcp://${host}:80`)
    const many = record(reactor.connectMany(targets, { concurrency: 1, onConnected: 'reset' }))
    for (let i = 0; i < 4; i++) {
      clock.settle()
      script.deliverAll(script.open)
    }
    clock.settle()
    expect(many.values.map(({ kind }) => kind)).toEqual([
      'denied',
      'connected',
      'denied',
      'connected',
    ])
  })

  it('what it allows is not touched', () => {
    const { script, reactor } = stage({ policy })
    const connecting = record(reactor.connect('tcp://192.0.2.1:80'))
    const local = record(reactor.connect('unix:/ok'))
    script.deliverAll(script.sockets)
    expect([connecting.outcome, local.outcome]).toEqual(['complete', 'complete'])
    connecting.values[0]?.reset()
    local.values[0]?.reset()
  })
})

describe('a name', () => {
  it('a denied address is passed over at once, and stands in the history', async () => {
    const set = scene(whole(BAD, GOOD, '::1'), { [GOOD]: ['connects', 5] })
    const connecting = set.connect({ policy })
    await set.pass(10)
    expect(set.starts).toEqual([`${GOOD} @0`])
    expect(set.told).toEqual([`${BAD} ERR_DENIED`, `::1 ERR_DENIED`, `${GOOD} connected`])
    const [connection] = connecting.values as { failedAttempts: unknown; reset(): void }[]
    expect(connection?.failedAttempts).toHaveLength(2)
    connection?.reset()
  })

  it.each([
    [[BAD], {}, 'ERR_DENIED', BAD],
    [[BAD, '::1'], {}, 'ERR_DENIED', BAD],
    [[BAD, GOOD], { [GOOD]: 'ECONNREFUSED' }, 'ECONNREFUSED', GOOD],
    [[GOOD, BAD], { [GOOD]: 'ECONNREFUSED' }, 'ECONNREFUSED', GOOD],
    [[BAD, GOOD], { [GOOD]: 'ENETUNREACH' }, 'ENETUNREACH', GOOD],
    [[GOOD, BAD], { [GOOD]: 'ENETUNREACH' }, 'ENETUNREACH', GOOD],
  ] as const)('%j, %j: %s is told', async (addresses, conducts, code, address) => {
    const set = scene(whole(...addresses), conducts)
    const connecting = set.connect({ policy })
    await set.pass(5)
    expect(connecting.ended).toMatchObject({ code, address, port: 80 })
    expect((connecting.ended as ConnectError).attempts).toHaveLength(addresses.length)
  })

  it('that leads elsewhere after it was looked up (DNS rebinding): what was judged is what is connected to', async () => {
    let lookUps = 0
    const resolve = async () => [lookUps++ === 0 ? GOOD : BAD]
    const asked: string[] = []
    const spy: DestinationPolicy = {
      check(address) {
        asked.push('address' in address ? address.address : '')
        return policy.check(address)
      },
    }
    const set = scene({ resolve }, { [GOOD]: ['connects', 5], [BAD]: ['connects', 5] })
    const first = set.connect({ policy: spy })
    await set.pass(10)
    expect([lookUps, asked, set.starts]).toEqual([1, [GOOD], [`${GOOD} @0`]])
    ;(first.values as { reset(): void }[])[0]?.reset()
    const second = set.connect({ policy: spy })
    await set.pass(10)
    expect([second.outcome, lookUps, set.script.sockets.length]).toEqual(['ERR_DENIED', 2, 1])
  })

  it.each([['127.1'], ['0x7f.1'], ['2130706433'], ['localhost'], ['127.0.0.1 '], ['127.0.0.1\0']])(
    'for which a resolver gives %j has no address',
    async (address) => {
      const set = scene(whole(address), {})
      const connecting = set.connect({ policy })
      await set.pass(5)
      expect([connecting.outcome, set.script.sockets]).toEqual(['ERR_RESOLVE', []])
    },
  )
})

describe('it is asked again', () => {
  it('before the retry of a socket that had connected to itself', () => {
    const turns = byTurn(true, false)
    const { script, clock, reactor } = stage({ policy: turns })
    script.once('finishConnect', ConnectStatus.SELF_CONNECTED)
    const connecting = record(reactor.connect('tcp://192.0.2.1:80'))
    script.deliverAll(script.open)
    clock.settle()
    expect([connecting.outcome, script.sockets.length]).toEqual(['ERR_DENIED', 1])
  })

  it('before the retry on a full unix backlog', () => {
    const turns = byTurn(true, true, false)
    const { script, clock, reactor } = stage({
      policy: turns,
      answers: { connect: -errno.EAGAIN },
    })
    const connecting = record(reactor.connect('unix:/run/full.sock'))
    clock.advance(100)
    expect(connecting.outcome).toBe('ERR_DENIED')
    expect([script.sockets[0]?.connects.length, script.open]).toEqual([2, []])
  })

  it('before the retry from another local address', () => {
    const turns = byTurn(true, false)
    const { script, clock, reactor } = stage({ policy: turns })
    script.once('connect', -errno.EADDRNOTAVAIL)
    const localAddress = ['192.0.2.7', '192.0.2.8']
    const connecting = record(reactor.connect('tcp://192.0.2.1:80', { localAddress }))
    clock.settle()
    expect([connecting.outcome, script.sockets.length]).toEqual(['ERR_DENIED', 1])
  })

  it('for a target that was put aside', () => {
    const turns = byTurn(true, false)
    const { script, clock, reactor } = stage({ policy: turns })
    script.once('open', -errno.EMFILE)
    const many = record(reactor.connectMany(['tcp://192.0.2.1:80']))
    clock.advance(1_000)
    expect(many.values).toMatchObject([{ kind: 'denied' }])
    expect(script.sockets).toEqual([])
  })
})

describe("the reactor's policy and a connect's own", () => {
  const ours = destinationPolicy({ allow: [GOOD, BAD] })
  const theirs = destinationPolicy({ allow: [GOOD, ALSO_GOOD] })

  it.each([
    [GOOD, 'open'],
    [BAD, 'ERR_DENIED'],
    [ALSO_GOOD, 'ERR_DENIED'],
  ])('both have to allow %s: %s', (host, outcome) => {
    const { clock, reactor } = stage({ policy: ours })
    const connecting = record(reactor.connect(`tcp://${host}:80`, { policy: theirs }))
    const many = record(reactor.connectMany([`tcp://${host}:80`], { policy: theirs }))
    clock.settle()
    expect(connecting.outcome).toBe(outcome)
    expect(many.values).toHaveLength(outcome === 'open' ? 0 : 1)
    connecting.subscription.unsubscribe()
    many.subscription.unsubscribe()
  })
})

describe('it fails closed', () => {
  const verdicts: readonly (readonly [string, () => unknown])[] = [
    [
      'throws',
      () => {
        throw new Error('out of order')
      },
    ],
    ['gives nothing', () => undefined],
    ['gives null', () => null],
    ['gives true', () => true],
    ['gives a promise', async () => ({ allowed: true, rule: 'late', reason: 'late' })],
    ['gives an empty verdict', () => ({})],
    ['allows with a word', () => ({ allowed: 'yes' })],
    ['allows with a number', () => ({ allowed: 1 })],
    ['denies without a rule', () => ({ allowed: false })],
    [
      'has a verdict that throws',
      () => ({
        get allowed() {
          throw new Error('no')
        },
      }),
    ],
  ]
  it.each(verdicts)('where the policy %s', (_how, check) => {
    const { script, clock, reactor } = stage({ policy: { check } as DestinationPolicy })
    const connecting = record(reactor.connect('tcp://192.0.2.1:80'))
    clock.settle()
    expect(connecting.ended).toMatchObject({ code: 'ERR_DENIED', phase: 'policy' })
    expect(script.sockets).toEqual([])
  })

  it('and tells what the policy threw', () => {
    const cause = new Error('out of order')
    const broken: DestinationPolicy = {
      check() {
        throw cause
      },
    }
    const { clock, reactor } = stage({ policy: broken })
    const connecting = record(reactor.connect('tcp://192.0.2.1:80'))
    clock.settle()
    expect((connecting.ended as Error).cause).toBe(cause)
  })

  it.each([null, 'public', {}, { check: true }, () => true])('%j is no policy', (none) => {
    const options = { policy: none as unknown as DestinationPolicy }
    const { reactor } = stage()
    expect(() => stage(options)).toThrow(TypeError)
    expect(() => reactor.connect('tcp://192.0.2.1:80', options)).toThrow(TypeError)
    expect(() => reactor.connectMany([], options)).toThrow(TypeError)
  })
})

describe('a bare socket', () => {
  const bad: SocketAddress = { family: 'inet', address: BAD, port: 80 }

  it.each(['connect', 'connectSync'] as const)('%s() throws, and makes no call', (method) => {
    const { script, reactor } = stage({ policy })
    const socket = reactor.socket('inet')
    expect(() => socket[method](bad)).toThrow(
      expect.objectContaining({ code: 'ERR_DENIED', phase: 'policy', address: BAD, port: 80 }),
    )
    expect(script.sockets[0]?.connects).toEqual([])
    expect(socket.connect({ ...bad, address: GOOD })).toBe('EINPROGRESS')
    socket.close()
  })

  it('what is judged is what is connected to', () => {
    const { script, reactor } = stage({ policy })
    const socket = reactor.socket('inet')
    let reads = 0
    socket.connect({
      family: 'inet',
      get address() {
        return reads++ === 0 ? GOOD : BAD
      },
      port: 80,
    })
    expect(script.sockets[0]?.connects).toEqual([{ family: 'inet', address: GOOD, port: 80 }])
    socket.close()
  })
})

it('what was connected elsewhere is not judged', () => {
  const { script, clock, reactor } = stage({ policy })
  script.descriptors.set(7, {
    spec: { family: 'inet', type: 'stream' },
    peerAddress: { family: 'inet', address: BAD, port: 80 },
  })
  const adopting = record(reactor.adopt(7))
  clock.settle()
  expect(adopting.outcome).toBe('complete')
  adopting.values[0]?.reset()
})
