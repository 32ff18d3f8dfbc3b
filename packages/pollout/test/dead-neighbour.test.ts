/** What `pollout fanout` tells of a neighbour that is not there: by its default times the kernel's own word, for every port alike. */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { isNativeBackendAvailable } from '../src/index.js'
import { CLI } from './harness.js'

const backends = isNativeBackendAvailable().available ? ['native', 'net'] : ['net']

/** Debian keeps `ip` in sbin, which is not on everybody's PATH. */
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` }

/** A network of its own with one cable, veth(4), at whose far end nobody answers. */
const NETWORK = `
  ip link set lo up &&
  ip link add v0 type veth peer name v0-far &&
  ip address add 10.9.0.1/24 dev v0 &&
  ip link set v0-far up &&
  ip link set v0 up`

const WAYS = [['--net'], ['--map-root-user', '--net']]

function inNetwork(way: readonly string[], command: string, ...args: readonly string[]) {
  const script = `${NETWORK} && ${command}`
  return spawnSync('unshare', [...way, 'sh', '-c', script, 'sh', ...args], {
    encoding: 'utf8',
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

const way = WAYS.find((one) => inNetwork(one, 'true').status === 0)

describe.each(backends)('on %s', (backend) => {
  it('one dead host is unreachable at every port', (context) => {
    if (way === undefined) return context.skip('no network namespace with a cable can be had here')
    const command = [process.execPath, CLI, 'fanout', '10.9.0.9', '-p', '1-8', '--json']
    const run = inNetwork(way, 'exec "$@"', ...command, '--backend', backend)
    expect(run.status, run.stderr).toBe(1)
    const told = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(told.map(({ endpoint }) => endpoint).sort()).toEqual(
      Array.from({ length: 8 }, (_, index) => `tcp://10.9.0.9:${index + 1}`),
    )
    const alike = { kind: 'unreachable', code: 'EHOSTUNREACH', localFault: false }
    expect(told).toEqual(told.map((one) => ({ ...one, ...alike })))
  })
})
