/** What watch() leaves in the epoll set: a level that nobody waits for any more would be reported in every turn of the loop. */
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { Handle } from '@pollout/core'
import { expect, it } from 'vitest'
import { describeNative, watchedDescriptors } from './support.js'

const EPOLLIN = 0x1
const EPOLLERR_AND_HUP = 0x8 | 0x10
const EPOLLRDHUP = 0x2000
const EPOLLONESHOT = 0x4000_0000

/** What the kernel is to report of a socket: epoll_ctl(2). It names ERR and HUP, which it always reports, or not. */
function eventsOf(handle: Handle): number | undefined {
  const line = new RegExp(`events:\\s*([0-9a-f]+)\\s+data:\\s*${handle.toString(16)}\\b`)
  for (const set of watchedDescriptors().keys()) {
    const found = line.exec(readFileSync(`/proc/self/fdinfo/${set}`, 'utf8'))
    if (found) return Number.parseInt(found[1] as string, 16) & ~EPOLLERR_AND_HUP
  }
  return undefined
}

describeNative('watch()', (kit) => {
  it('taken back, it stays in force until it reports to nobody, and is mute then', async () => {
    const { bench, backend } = kit()
    const server = await kit().serve()
    const handle = await bench.connected(server.at)
    expect(backend.watch(handle, bench.token())).toBe(0)
    expect(eventsOf(handle)).toBe(EPOLLIN | EPOLLRDHUP)
    backend.deregister(handle)
    expect(eventsOf(handle)).toBe(EPOLLIN | EPOLLRDHUP)
    const peer = await server.accepted()
    peer.end('x')
    while (eventsOf(handle) !== EPOLLONESHOT) await turn()
    const again = bench.token()
    expect(backend.watch(handle, again)).toBe(0)
    expect(eventsOf(handle)).toBe(EPOLLIN | EPOLLRDHUP)
    await bench.sink.readinessOf(again)
    backend.close(handle, 'graceful')
    expect(eventsOf(handle)).toBe(undefined)
  })
})
