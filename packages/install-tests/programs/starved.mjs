/** Looks for the addon with no descriptor free, and again: what each look tells, as JSON. */
import { closeSync, openSync } from 'node:fs'
import { backendReport } from 'pollout'

const held = []
try {
  for (;;) held.push(openSync('/dev/null'))
} catch {
  // That was the last.
}
const starved = backendReport()
for (const fd of held) closeSync(fd)
console.log(JSON.stringify({ starved, later: backendReport() }))
