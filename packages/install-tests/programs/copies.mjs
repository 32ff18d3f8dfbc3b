/**
 * Two copies of each package in one program, the one that `import` loads and the one that is required, from a folder with
 * another version where one is given: what one makes is handed to the other, in both directions, on each backend. Ends with
 * code 0 where nothing is missed.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer, get } from 'node:http'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import * as adapters from '@pollout/adapters/http'
import * as framing from '@pollout/framing'
import * as testing from '@pollout/testing'
import * as pollout from 'pollout'
import { firstValueFrom, lastValueFrom, of, toArray } from 'rxjs'

const [, , folder] = process.argv
const require = createRequire(resolve(folder ?? '.', 'program.cjs'))
const versions = [createRequire(import.meta.url), require].map((each) =>
  [
    'pollout',
    '@pollout/core',
    '@pollout/framing',
    '@pollout/adapters',
    '@pollout/backend-native',
  ].map((name) => each(`${name}/package.json`).version),
)
for (const [i, version] of versions[0].entries()) {
  if (folder === undefined) assert.equal(version, versions[1][i])
  else assert.notEqual(version, versions[1][i])
}
const imported = { ...pollout, ...testing, ...framing, ...adapters }
const required = {
  ...require('pollout'),
  ...require('@pollout/testing'),
  ...require('@pollout/framing'),
  ...require('@pollout/adapters/http'),
}
assert.notEqual(imported.Reactor, required.Reactor)

const echo = createServer((peer) => peer.on('error', () => {}).pipe(peer)).listen(0, '127.0.0.1')
const web = createHttpServer((_, answer) => answer.end('yes')).listen(0, '127.0.0.1')
await Promise.all([once(echo, 'listening'), once(web, 'listening')])
const { port } = echo.address()

const failureOf = (observable) =>
  firstValueFrom(observable).then(
    () => assert.fail('there is no error'),
    (error) => error,
  )

for (const [here, there] of [
  [imported, required],
  [required, imported],
]) {
  const backends = [
    there.netBackend(),
    there.nativeBackend(),
    here.withBulkLane(there.netBackend()),
    there.withBulkLane(here.netBackend()),
  ]
  for (const backend of backends) await handOver(here, there, backend)
  await simulate(here, there)

  // As stack traces have them: the build may call a class otherwise.
  for (const name of ['ConnectError', 'InvalidEndpointError', 'FrameError', 'RequestError']) {
    assert.equal(here[name].name, name)
  }
  const tooLong = await failureOf(of(Buffer.from('abcd')).pipe(here.lines({ maxBytes: 3 })))
  assert.ok(tooLong instanceof there.FrameError && tooLong instanceof here.FrameError)
}
echo.close()
web.close()

/** The reactor and the backend are of one copy each, all else is the other's. */
async function handOver(here, there, backend) {
  const policy = there.destinationPolicy({ allow: ['127.0.0.0/8'] })
  const hosts = there.hostsResolver({ 'x.test': ['127.0.0.1'] }, here.systemResolver)
  const resolver = there.cachedResolver(here.boundedResolver(hosts, { concurrency: 4 }))
  const reactor = here.createReactor({ backend, policy, resolver })

  const connection = await firstValueFrom(reactor.connect(there.tcp('x.test', port)))
  const channel = new there.RequestChannel({
    responses: connection.received.pipe(here.lines()),
    send: (text) => connection.send(there.encodeLine(text)),
    timeoutMs: 10_000,
  })
  assert.equal(await firstValueFrom(channel.request('Hello')), 'Hello')
  connection.reset()
  const over = await failureOf(channel.request('Hello again'))
  assert.ok(over instanceof here.RequestError && over instanceof there.RequestError)

  const toRead = await firstValueFrom(
    reactor.connect(there.parseEndpoint(`tcp://127.0.0.1:${port}`)),
  )
  await toRead.send('a line\n')
  for await (const line of there.readFrames(toRead, here.lineParser())) {
    assert.equal(line, 'a line')
    break
  }
  await toRead.close()

  const denied = await failureOf(reactor.connect(there.tcp('192.0.2.1', 1)))
  assert.ok(denied instanceof here.ConnectError && denied instanceof there.ConnectError)
  assert.ok(here.isBeyondRetry(denied) && there.isBeyondRetry(denied))
  assert.throws(() => reactor.duplex('tcp://'), there.InvalidEndpointError)
  const overTls = { timeoutMs: 10_000, tls: { sessions: there.tlsSessionCache() } }
  assert.ok(
    (await failureOf(reactor.connect(there.tls('x.test', port), overTls))) instanceof
      there.ConnectError,
  )

  const targets = [there.tcp('127.0.0.1', port), there.tcp('192.0.2.1', port)]
  const outcomes = await lastValueFrom(
    reactor.connectMany(targets, { onConnected: 'reset', policy }).pipe(toArray()),
  )
  assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['connected', 'denied'])

  const pool = reactor.pool(there.tcp('x.test', port))
  const lease = await pool.acquire()
  lease.release()
  await pool.close()
  const session = reactor.reconnecting(there.tcp('x.test', port), () => of('a value'), {
    backoff: there.backoff({ firstMs: 1 }),
  })
  assert.equal(await firstValueFrom(session), 'a value')

  const agent = there.httpAgent(reactor)
  const request = get({ host: '127.0.0.1', port: web.address().port, agent })
  const [answer] = await once(request, 'response')
  answer.resume()
  await once(answer, 'end')
  agent.destroy()

  // What a name server did, in the words of the resolver's copy.
  const messages = [here, there].map(async ({ dnsResolver }) => {
    const dns = here.cachedResolver(
      dnsResolver({ servers: ['127.0.0.1:1'], timeoutMs: 100, tries: 1 }),
    )
    const asking = here.createReactor({ backend, resolver: dns })
    const { message } = await failureOf(asking.connect('tcp://x.test:1'))
    await asking.destroy()
    return message
  })
  const [own, others] = await Promise.all(messages)
  assert.equal(others, own)

  const elsewhere = there.createReactor({ backend: here.netBackend() })
  const socket = elsewhere.socket('inet')
  assert.throws(() => reactor.readiness(socket, there.Interest.WRITABLE), TypeError)
  socket.close()
  await elsewhere.destroy()
  await reactor.destroy()
}

/** A simulated network of one copy, with peers of the other's, and its clock. */
async function simulate(here, there) {
  const echoes = { family: 'inet', address: '192.0.2.1', port: 7 }
  const silent = { ...echoes, port: 9 }
  const network = there
    .simulatedNetwork()
    .listen(echoes, here.echoPeer())
    .listen(silent, here.silentPeer())
  const clock = there.manualClock()
  const reactor = here.createReactor({ backend: network.backend() })
  const connection = await firstValueFrom(reactor.connect('tcp://192.0.2.1:7'))
  await connection.send('Hello')
  assert.equal(String(await firstValueFrom(connection.received)), 'Hello')
  await reactor.destroy()

  const waiting = here.createReactor({ backend: there.simulatedBackend(), clock })
  const late = failureOf(waiting.connect('tcp://192.0.2.1:9', { timeoutMs: 1_000 }))
  clock.settle()
  clock.advance(1_000)
  await late
  await waiting.destroy()
}
