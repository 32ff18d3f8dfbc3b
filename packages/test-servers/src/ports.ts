/** Ports to be had for a test. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** The system gives ports out from here on, and so lower ones to nobody who does not ask for that very one. */
const FIRST_GIVEN = 32_768

/** A port of 127.0.0.1 that nobody has: no other test comes to listen on it, as it may on one that was just given back. */
export async function unusedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(1_024, FIRST_GIVEN)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    await new Promise((done) => server.close(done))
    if (isFree) return port
  }
}
