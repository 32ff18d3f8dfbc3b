/** Runs a program for the other scripts and keeps what it prints. */
import { spawn } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { root } from './packages.mjs'

const PATH = [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter)

/** As text, from what `performance.now()` was. */
export function secondsSince(started) {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`
}

/**
 * Resolves to the exit code, the output, the time taken as text, and the note: a line `note: ...` in the
 * output, by which a program that succeeds has something shown nevertheless.
 */
export function run(command, args, cwd = root) {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (code) => {
      const time = secondsSince(started)
      const note = /^note: (.*)$/m.exec(output)?.[1]
      resolve({ code, output, time, note })
    })
  })
}
