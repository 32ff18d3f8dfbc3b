/** A folder for the files of a run, gone after the test; and what is in an output. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'pollout-resume-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

export const outcomes = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1)
