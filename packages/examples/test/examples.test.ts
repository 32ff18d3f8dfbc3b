/** Every example runs to its end, and prints what it says it prints; some against real servers. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as servers from '@pollout/test-servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('..', import.meta.url))

async function run(name: string, ...args: string[]): Promise<string> {
  const file = readdirSync(folder).find((entry) => entry.startsWith(name))
  if (!file) throw new Error(`no example ${name}`)
  const argv = ['--import', 'tsx', file, ...args]
  const { stdout } = await promisify(execFile)(process.execPath, argv, {
    cwd: folder,
  })
  return stdout
}

describe('examples', () => {
  it('01 sends its greeting and prints the echo', async () => {
    expect(await run('01')).toMatch(
      /^connected, by the (native|net) backend\nHello, Server!\r\n\r\n$/,
    )
  })

  it('02 shows that only the right way sees the refusal', async () => {
    const lines = (await run('02')).trimEnd().split('\n')
    expect(lines[1]).toBe('open port,   right way: OK')
    expect(lines[3]).toBe('closed port, right way: ECONNREFUSED')
    expect(lines[2]).toMatch(/wrong way: .*EINPROGRESS/)
    expect(lines).toHaveLength(4)
  })

  it('03 is won by the endpoint that connects, and leaves nothing behind', async () => {
    const printed = await run('03')
    expect(printed).toContain('out of the race: connect ECONNREFUSED')
    expect(printed).toContain('won: the good one')
    expect(printed).toContain('{ inFlight: 0, open: 0 }')
  })

  it('04 connects once the server is up', async () => {
    const printed = await run('04')
    expect(printed).toContain('attempt 1: ECONNREFUSED')
    expect(printed).toContain('connected after all')
  })

  it('05 counts an outcome for each target', async () => {
    const printed = await run('05')
    for (const count of ['connected: 3333', 'refused: 1667', 'invalid: 1']) {
      expect(printed).toContain(count)
    }
  })

  it('07 runs on a backend of its own', async () => {
    expect(await run('07')).toBe('memory: Hello, nobody!\n')
  })

  it('10 shares connections, passes over the address that fails, and is denied what is not public', async () => {
    const lines = (await run('10')).trimEnd().split('\n')
    expect(lines[0]).toMatch(/^pool: (answer \d(, )?){6}$/)
    expect(lines[1]).toBe('pool: { leased: 0, idle: 2 }')
    expect(lines[2]).toMatch(/^attempt: \[::1\] E[A-Z]+$/)
    expect(lines.slice(3, 5)).toEqual([
      'attempt: 127.0.0.1 connected',
      'failed before it connected: 1',
    ])
    const denied = ['127.0.0.1', '[::ffff:127.0.0.1]', '0.0.0.0', 'inside.test']
    expect(lines.slice(5)).toEqual(denied.map((host) => `policy: ${host} policy ERR_DENIED`))
  })

  it.each([
    ['08', 'redis-server'],
    ['09', 'memcached'],
    ['11', 'redis-server'],
  ])('%s says how to start %s where there is none', async (number, program) => {
    const failure = await run(number, 'tcp://127.0.0.1:1').catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        `^No .*ECONNREFUSED 127.0.0.1:1.*\nStart one with "${program} `,
      ),
    })
  })
})

describe('examples against real servers', () => {
  let nginx: servers.RealServer
  let redis: servers.RealServer
  let memcached: servers.RealServer
  beforeAll(async () => {
    nginx = await servers.startServer(servers.nginx())
    redis = await servers.startServer(servers.redis())
    memcached = await servers.startServer(servers.memcached)
  })
  afterAll(async () => {
    await nginx.stop()
    await redis.stop()
    await memcached.stop()
  })

  it('01 greets nginx', async (context) => {
    if (nginx.missing) return context.skip(nginx.missing)
    expect(await run('01', nginx.endpoint)).toContain('400 Bad Request')
  })

  it('06 talks to Redis', async (context) => {
    if (redis.missing) return context.skip(redis.missing)
    const printed = await run('06', redis.endpoint)
    expect(printed).toBe('PING PONG\nSET OK\nGET Hello, Redis!\r\nand goodbye\nDEL 1\n')
  })

  it('08 shows what its Redis client can do', async (context) => {
    if (redis.missing) return context.skip(redis.missing)
    expect((await run('08', redis.endpoint)).split('\n')).toEqual([
      'PING PONG',
      'GET Hello, Redis!\r',
      'and goodbye',
      'INCRBY, 1000 times: 1 to 1000',
      'HGETALL name,Ada born,1815',
      'INCRBY of a text: ERR value is not an integer or out of range',
      'PUBLISH to 1 client',
      'message: extra, extra',
      'DEL 3',
      '',
    ])
  })

  it('09 shows what its memcached client can do', async (context) => {
    if (memcached.missing) return context.skip(memcached.missing)
    const [version, ...lines] = (await run('09', memcached.endpoint)).split('\n')
    expect(version).toMatch(/^version 1\./)
    expect(lines).toEqual([
      'get "Hello, memcached!\\r\\nEND\\r\\n"',
      'incr, 1000 times: 1 to 1000',
      'get, 3 keys: 2 found',
      'incr of a text: CLIENT_ERROR cannot increment or decrement non-numeric value',
      'delete true true',
      '',
    ])
  })

  it('11 has ioredis talk to Redis, on a connection of the reactor', async (context) => {
    if (redis.missing) return context.skip(redis.missing)
    expect((await run('11', redis.endpoint)).split('\n')).toEqual([
      'GET Hello, Redis!',
      'INCRBY, INCR: 41, 42',
      'DEL 2',
      'connections, made by the reactor: 1 - open: 1',
      '',
    ])
  })

  it('06 says in one line what is wrong where there is no Redis', async () => {
    await expect(run('06', 'tcp://127.0.0.1:1')).rejects.toThrow(/ECONNREFUSED 127.0.0.1:1/)
  })
})
