/** Whose the file of a bound unix socket is. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Handle } from '@pollout/core'
import { expect, it, onTestFinished } from 'vitest'
import { BoundPaths } from '../src/reactor/bound-paths.js'

function files() {
  const folder = mkdtempSync(join(tmpdir(), 'pollout-bound-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const paths = new BoundPaths()
  const made = (name: string, handle: number): void => {
    writeFileSync(join(folder, name), '')
    paths.made(handle as Handle, join(folder, name))
  }
  return { paths, made, there: () => readdirSync(folder).sort() }
}

it('a file goes with its socket, and with no other', () => {
  const { paths, made, there } = files()
  made('a', 1)
  made('b', 2)
  paths.closed(1 as Handle)
  paths.closed(3 as Handle)
  expect(there()).toEqual(['b'])
})

it('the file of a socket that was given away stays, whatever is closed after that', () => {
  const { paths, made, there } = files()
  made('a', 1)
  paths.given(1 as Handle)
  paths.closed(1 as Handle)
  expect(there()).toEqual(['a'])
})
