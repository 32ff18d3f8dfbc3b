/** A datagram that the kernel does not take at once: needs a network namespace with a device that does not send. */
import { errno } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { fixturePath, inNamespace } from './fixtures.js'

const DEVICE = [
  'ip link add v0 type veth peer name v1',
  'ip addr add 10.0.0.1/24 dev v0',
  'ip link set v0 up',
  'ip link set v1 up',
].join('\n')
const FULL = ['connect 0', `send ${-errno.EAGAIN}`]

describe.each([
  ['is waited for: EAGAIN, then WRITABLE', 'writable', ['ready ', 'ready 2', 'send 1000'], 0],
  ['still goes out after a graceful close', 'graceful', ['open 0', 'introduced destroyed'], 0],
  ['is dropped by a reset', 'reset', ['open 0', 'destroyed introduced'], 1],
])('a datagram too many', (name, scenario, lines, missing) => {
  it(name, (context) => {
    const script = `"${process.execPath}" "${fixturePath('full-device.mjs')}" ${scenario}`
    const output = inNamespace(`${DEVICE}\n${script}`)
    if (output === undefined) return context.skip('no network namespace can be made here')
    expect(output.trim().split('\n')).toEqual([...FULL, ...lines, `missing ${missing}`])
  })
})
