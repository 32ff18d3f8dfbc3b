/** Conformance of `Backend.watch()`, which a backend may have: a registration for reading that stays. */

import assert from 'node:assert/strict'
import { errno, type Handle, Interest, Readiness, type Token } from '@pollout/core'
import { type RawBackend, turns } from './raw-backend.js'
import { addressOf, type Define, type Trial } from './trial.js'
import type { PeerKind } from './world.js'

const { READABLE, WRITABLE } = Interest

export function defineWatchingTests(test: Define): void {
  const watching = (name: string, run: (watch: Watching) => Promise<void>): void =>
    test(name, async (t) => run(new Watching(t)), { watch: true })

  watching('reports for as long as there is something to read, and no longer', async (watch) => {
    const { raw } = watch
    const handle = await watch.connected('echo')
    const token = watch.start(handle)
    await turns()
    assert.equal(watch.reports(token), 0)
    raw.backend.send(handle, Buffer.from('xy'), 0)
    await watch.reported(token)
    assert.equal(raw.backend.receive(handle, Buffer.alloc(1)), 1)
    await watch.reported(token)
    assert.equal(raw.backend.receive(handle, Buffer.alloc(1)), 1)
    await turns()
    const before = watch.reports(token)
    await turns()
    assert.equal(watch.reports(token), before)
    raw.backend.send(handle, Buffer.from('z'), 0)
    await watch.reported(token)
  })

  watching(
    'one taken back reports nothing, not even the end; a new one finds it',
    async (watch) => {
      const { raw } = watch
      const handle = await watch.connected('greeter')
      const token = watch.start(handle)
      await watch.reported(token)
      raw.backend.deregister(handle)
      const before = raw.events.length
      await turns(50)
      assert.equal(raw.events.length, before)
      const again = watch.start(handle)
      await watch.reported(again)
      assert.equal((await raw.readAll(handle)).toString(), 'hello')
      raw.backend.close(handle, 'graceful')
      assert.equal((await watch.trial.world.nextRecord()).end, 'fin')
    },
  )

  watching('a registration of one shot takes its place, and the other way round', async (watch) => {
    const { raw } = watch
    const handle = await watch.connected('greeter')
    const first = watch.start(handle)
    await watch.reported(first)
    assert.equal(await raw.ready(handle, WRITABLE), Readiness.WRITABLE)
    const before = raw.events.length
    await turns()
    assert.equal(raw.events.length, before)
    raw.arm(handle, READABLE)
    const last = watch.start(handle)
    await watch.reported(last)
    await watch.reported(last)
    raw.backend.close(handle, 'reset')
  })

  watching(
    'closed, or closed by another one of its batch, it reports nothing more',
    async (watch) => {
      const { raw } = watch
      const handles = [await watch.connected('greeter'), await watch.connected('greeter')]
      for (const handle of handles) watch.start(handle)
      await new Promise<void>((resolve) => {
        raw.inSink = (batch) => {
          if (batch.length < handles.length) return
          raw.inSink = () => {}
          for (const handle of handles) raw.backend.close(handle, 'reset')
          resolve()
        }
      })
      const before = raw.events.length
      await turns(50)
      assert.equal(raw.events.length, before)
      assert.equal(raw.backend.watch?.(handles[0] as Handle, raw.token()), -errno.EBADF)
    },
  )
}

/** A raw backend, and what its watched sockets have reported. */
class Watching {
  readonly trial: Trial
  readonly raw: RawBackend

  constructor(trial: Trial) {
    this.trial = trial
    this.raw = trial.raw()
  }

  connected(peer: PeerKind): Promise<Handle> {
    return this.raw.connected(addressOf(this.trial.world.endpoint(peer)))
  }

  start(handle: Handle): Token {
    const token = this.raw.token()
    assert.equal(this.raw.backend.watch?.(handle, token), 0)
    return token
  }

  reports(token: Token): number {
    return this.raw.events.filter((event) => event.token === token).length
  }

  /** The next report from now on. */
  async reported(token: Token): Promise<void> {
    assert.ok((await this.raw.reported(token)) & Readiness.READABLE)
  }
}
