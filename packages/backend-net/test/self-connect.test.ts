/** A TCP connect that meets itself: needs a network namespace with a port range of its own. */
import { expect, it } from 'vitest'
import { fixturePath, inNamespace } from './fixtures.js'

const RANGE = 'ip link set lo up && echo "40000 40007" > /proc/sys/net/ipv4/ip_local_port_range'

it('is told as SELF_CONNECTED', (context) => {
  // An even one: connect(2) takes odd ports only when it has run out of even ones.
  const script = `"${process.execPath}" "${fixturePath('self-connect.mjs')}" 40002`
  const output = inNamespace(`${RANGE} && ${script}`)
  if (output === undefined) return context.skip('no network namespace can be made here')
  expect(output).toBe('self-connected\n')
})
