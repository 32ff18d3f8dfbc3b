/**
 * Listeners that accept nobody, and whose backlog is full: a connect to them stays in SYN_SENT, or over Unix is told
 * EAGAIN. Argument: a folder for the Unix socket. Prints one line of JSON, then blocks until it is killed, or its parent is gone.
 */
import { writeSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'

const [folder] = process.argv.slice(2)
const path = join(folder, 'full')
/** The queue takes one more than the backlog: listen(2), NOTES. Those beyond it stay unanswered. */
const BACKLOG = 1
const FILLERS = BACKLOG + 3
const LOOK_FOR_PARENT_MS = 1_000
const parent = process.ppid

// All of it happens in ticks before the loop's first poll, so that nobody is accepted.
const tcp = createServer().listen({ host: '127.0.0.1', port: 0, backlog: BACKLOG }, () => {
  const unix = createServer().listen({ path, backlog: BACKLOG }, () => {
    const { address, port } = tcp.address()
    for (let i = 0; i < FILLERS; i++) {
      connect(port, address).on('error', () => {})
      connect(path).on('error', () => {})
    }
    afterTicks(20, () => {
      writeSync(
        1,
        `${JSON.stringify([
          { kind: 'full', family: 'inet', address, port },
          { kind: 'full', family: 'unix', path: unix.address() },
        ])}\n`,
      )
      // Standard input would tell of the parent's end, but only a loop that turns, which would accept.
      const never = new Int32Array(new SharedArrayBuffer(4))
      while (process.ppid === parent) Atomics.wait(never, 0, 0, LOOK_FOR_PARENT_MS)
      process.exit()
    })
  })
})

function afterTicks(count, then) {
  if (count === 0) then()
  else process.nextTick(afterTicks, count - 1, then)
}
