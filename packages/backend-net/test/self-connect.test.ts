/** A TCP connect that meets itself: needs a network namespace with a port range of its own. */
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { fixturePath } from './fixtures.js'

const RANGE = 'ip link set lo up && echo "40000 40007" > /proc/sys/net/ipv4/ip_local_port_range'

const canIsolate = inNamespace('true').status === 0
const name = 'is told as SELF_CONNECTED'
const title = canIsolate ? name : `${name} (skipped: no unshare(1) for a network namespace here)`

it.skipIf(!canIsolate)(title, () => {
  // An even one: connect(2) takes odd ports only when it has run out of even ones.
  const script = `"${process.execPath}" "${fixturePath('self-connect.mjs')}" 40002`
  expect(inNamespace(script).stdout).toBe('self-connected\n')
})

function inNamespace(script: string) {
  return spawnSync('unshare', ['-rn', 'sh', '-c', `${RANGE} && ${script}`], { encoding: 'utf8' })
}
