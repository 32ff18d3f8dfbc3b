/** Every example runs to its end, and prints what it says it prints; two of them against real servers. */
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RealServer, startNginx, startRedis } from './real-servers.js'

const folder = fileURLToPath(new URL('..', import.meta.url))

async function run(name: string, ...args: string[]): Promise<string> {
  const file = readdirSync(folder).find((entry) => entry.startsWith(name))
  if (!file) throw new Error(`no example ${name}`)
  const argv = ['--import', 'tsx', file, ...args]
  const { stdout } = await promisify(execFile)(process.execPath, argv, {
    cwd: folder,
    timeout: 20_000,
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
})

describe('examples against real servers', () => {
  let nginx: RealServer
  let redis: RealServer
  beforeAll(async () => {
    nginx = await startNginx()
    redis = await startRedis()
  })
  afterAll(async () => {
    await nginx.stop()
    await redis.stop()
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

  it('06 says in one line what is wrong where there is no Redis', async () => {
    await expect(run('06', 'tcp://127.0.0.1:1')).rejects.toThrow(/ECONNREFUSED 127.0.0.1:1/)
  })
})
