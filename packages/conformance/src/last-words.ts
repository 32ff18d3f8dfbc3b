/**
 * Conformance of what a program leaves behind: what was told as sent is sent, however the process or thread ends. A simulated
 * network ends with the program, so that nobody could tell.
 */
import assert from 'node:assert/strict'
import { inThread, MAIN } from './child-programs.js'
import { run } from './processes.js'
import { tlsPeer } from './tls-peers.js'
import type { Define, Needs } from './trial.js'

const BYTES = 1_000_000

/** Sends more than the peer has room for, and ends as `ending` says. */
const sending = (ending: string): string => `
const connection = await new Promise((resolve) => reactor.connect(endpoint).subscribe(resolve))
globalThis.kept = connection
await connection.send(new Uint8Array(${BYTES}))
${ending}`

interface Ending extends Needs {
  readonly program: string
}

const ENDS: Readonly<Record<string, Ending>> = {
  'a process that ends by itself': { program: `${MAIN}${sending('')}` },
  'a process that exits': {
    program: `${MAIN}${sending('process.exit()')}`,
    // What libuv has not handed to the kernel goes with the process, as with any socket of Node's.
    capability: 'kernelReadiness',
  },
  'a reactor that is forgotten': {
    program: `${MAIN}
      const { runInNewContext } = await import('node:vm')
      const { setFlagsFromString } = await import('node:v8')
      setFlagsFromString('--expose-gc')
      const gc = runInNewContext('gc')
      let gone = false
      const registry = new FinalizationRegistry(() => { gone = true })
      const use = async () => {
        const own = createReactor({ backend: backend() })
        const connection = await new Promise((resolve) => own.connect(endpoint).subscribe(resolve))
        await connection.send(new Uint8Array(${BYTES}))
        registry.register(own, 1)
      }
      await use()
      while (!gone) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)) }
      for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)) }`,
    capability: 'kernelReadiness',
  },
  'a thread that ends by itself': { program: inThread(sending('')) },
  'a thread that is terminated': {
    program: inThread(
      sending(`parentPort.postMessage(1); setInterval(() => {}, 1e9)`),
      'worker.terminate()',
    ),
    capability: 'kernelReadiness',
  },
}

const SAID_BY_SEND = `
c.received.subscribe(() => { c.send('last words').catch(() => {}); process.exit() })`

const onConnection = (how: string): string => `
const options = endpoint.startsWith('tls') ? { tls: { rejectUnauthorized: false } } : {}
reactor.connect(endpoint, options).subscribe((c) => { ${how} })`

const LAST_WORDS: Readonly<Record<string, string>> = {
  'send() in a process': MAIN + onConnection(SAID_BY_SEND),
  'send() in a thread': inThread(onConnection(SAID_BY_SEND)),
  // Awaited: node:tls keeps the second while the first is under way.
  'send() after send()':
    MAIN +
    onConnection(`
    c.received.subscribe(async () => { await c.send('last '); await c.send('words'); process.exit() })`),
  'a Duplex':
    MAIN +
    onConnection(`
    c.toDuplex().on('data', function () { this.write('last words'); process.exit() })`),
  'by a listener of "exit"':
    MAIN +
    onConnection(`
    process.on('exit', () => void c.send('last words').catch(() => {}))
    c.received.subscribe(() => process.exit())`),
}

export function defineLastWordsTests(test: Define): void {
  for (const [who, { program, ...needs }] of Object.entries(ENDS)) {
    test(
      `${who} leaves nothing unsent that was told as sent`,
      async (t) => {
        // A peer that reads nothing: the kernel has most of it still to send when the program is gone. What libuv has would
        // keep it from going.
        const { kernelReadiness } = t.reactor().capabilities
        const { code, signal } = await run(
          t.subject,
          program,
          kernelReadiness ? 'deaf' : 'recorder',
        )
        assert.deepEqual({ code, signal }, { code: 0, signal: null })
        await t.world.listenUp()
        const { bytes, end } = await t.world.nextRecord()
        assert.deepEqual({ bytes, end }, { bytes: BYTES, end: 'fin' })
      },
      { ...needs, realNetwork: true },
    )
  }

  for (const [how, program] of Object.entries(LAST_WORDS)) {
    test(
      `last words in a handler of data are sent: ${how}`,
      async (t) => {
        const { code, signal } = await run(t.subject, program, 'witness')
        assert.deepEqual({ code, signal }, { code: 0, signal: null })
        const { bytes, end } = await t.world.nextRecord()
        assert.deepEqual({ bytes, end }, { bytes: 'last words'.length, end: 'fin' })
      },
      { realNetwork: true },
    )
  }

  for (const [how, program] of Object.entries(LAST_WORDS)) {
    test(
      `last words in a handler of data are sent, inside of TLS: ${how}`,
      async (t) => {
        let heard = ''
        let told = (): void => {}
        const over = new Promise<void>((resolve) => {
          told = resolve
        })
        const peer = await tlsPeer((socket) => {
          socket.write('hello')
          socket.on('data', (data) => {
            heard += data
          })
          socket.on('error', (error) => {
            heard += ` ${error.message}`
          })
          socket.on('close', told)
        })
        const { code, signal } = await run(
          t.subject,
          program,
          new URL(`tls://127.0.0.1:${peer.port}`),
        )
        assert.deepEqual({ code, signal }, { code: 0, signal: null })
        await over
        assert.equal(heard, 'last words')
        await peer.close()
      },
      { realNetwork: true, certificates: true },
    )
  }
}
