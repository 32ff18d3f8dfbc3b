import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import * as pollout from '../src/index.js'
import { listen } from './harness.js'

const { createReactor, isNativeBackendAvailable, nativeBackend, netBackend } = pollout
const native = isNativeBackendAvailable()

describe('createReactor', () => {
  it('picks the native backend where it works', async () => {
    await using reactor = createReactor({ onFallback: () => {} })
    expect(reactor.backend).toBe(native.available ? 'native' : 'net')
  })

  it.each([
    ['net', 'net'],
    [netBackend(), 'net'],
    ...(native.available
      ? [['native', 'native'] as const, [nativeBackend(), 'native'] as const]
      : []),
  ] as const)('connects on %s', async (backend, name) => {
    const { uri } = await listen()
    await using reactor = createReactor({ backend })
    expect(reactor.backend).toBe(name)
    await using connection = await firstValueFrom(reactor.connect(uri))
    expect(connection.backend).toBe(name)
  })

  it.each(['epoll', '', 'Native', 7, {}, null])('refuses the backend %j', (backend) => {
    expect(() => createReactor({ backend: backend as 'auto' })).toThrow(TypeError)
    expect(() => createReactor({ backend: backend as 'auto' })).toThrow(/auto, native, net/)
  })

  it('hands the other options on', async () => {
    const hosts: string[] = []
    const { port } = await listen()
    const resolver: pollout.Resolver = {
      ...pollout.systemResolver,
      resolve: (host) => {
        hosts.push(host)
        return pollout.systemResolver.resolve('127.0.0.1')
      },
    }
    await using reactor = createReactor({ backend: 'net', resolver })
    await using _ = await firstValueFrom(reactor.connect(`tcp://some.test:${port}`))
    expect(hosts).toEqual(['some.test'])
  })

  it('falls back with one warning per process, and refuses `native` with the reason', async () => {
    const fixture = fileURLToPath(new URL('fixtures/fallback.mjs', import.meta.url))
    const run = promisify(execFile)(process.execPath, ['--no-addons', fixture])
    const { stdout, stderr } = await run
    const lines = stdout.trim().split('\n')
    expect(lines.slice(0, 3)).toEqual(['net', 'net', 'net'])
    expect(lines[3]).toMatch(
      /^told: the native backend is not available \(.+\); using the portable/,
    )
    expect(lines[4]).toBe('net')
    expect(lines[5]).toMatch(/^ERR_POLLOUT_NATIVE_UNAVAILABLE the native backend .+ choose 'net'/)
    expect(lines).toHaveLength(6)
    expect(stderr.match(/POLLOUT_PORTABLE_BACKEND/g)).toHaveLength(1)
  })
})

describe('the package', () => {
  it('exports what core exports', async () => {
    const core = await import('@pollout/core')
    expect(Object.keys(pollout)).toEqual(expect.arrayContaining(Object.keys(core)))
    expect(pollout.createReactor).not.toBe(core.createReactor)
  })
})
