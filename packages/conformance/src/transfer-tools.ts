/** What the tests of connections and sessions share. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { ConnectError, type Connection } from '@pollout/core'
import { firstValueFrom } from 'rxjs'
import { rejection, type Trial } from './trial.js'
import type { PeerKind, Transport } from './world.js'

export const MEBIBYTE = 1024 * 1024

export function connected(t: Trial, kind: PeerKind, transport?: Transport): Promise<Connection> {
  return firstValueFrom(t.reactor().connect(t.world.endpoint(kind, transport)))
}

export function bytes(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, i) => (i * 31 + (i >> 8)) & 0xff))
}

export const sha1 = (data: Uint8Array): string => createHash('sha1').update(data).digest('hex')

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise)
  assert.ok(error instanceof ConnectError, String(error))
  return error.code
}

/** The deaf peer finds less than was sent. (Its libuv tells RST as FIN where unread data precedes it.) */
export async function cutShort(t: Trial): Promise<void> {
  await t.world.listenUp()
  const { bytes: count } = await t.world.nextRecord()
  assert.ok(count < 8 * MEBIBYTE, `${count} bytes`)
}
