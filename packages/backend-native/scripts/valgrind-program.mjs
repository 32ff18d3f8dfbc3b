/**
 * What scripts/valgrind.mjs runs under memcheck: the addon alone, each of its functions, rightly and wrongly, with
 * real sockets. It fails where an answer is not the expected one; memory is for valgrind to judge.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'

const { createBackend } = createRequire(import.meta.url)(process.argv[2])

const E = constants.errno
const [UNIX, INET, INET6, VSOCK] = [1, 2, 10, 40]
const [STREAM, DGRAM, SEQPACKET] = [1, 2, 5]
const [READABLE, WRITABLE] = [1, 2]
const ROUNDS = 3

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'pollout-valgrind-'))
  for (let round = 0; round < ROUNDS; round++) {
    const bench = new Bench()
    await connects(bench)
    await recycles(bench)
    datagrams(bench)
    await descriptors(bench)
    await waits(bench, join(folder, `socket-${round}`))
    misuse(bench)
    await bench.destroy()
    misuse(bench)
  }
  forgets()
  rmSync(folder, { recursive: true })
}

class Bench {
  waiting = new Map()
  token = 0
  native = createBackend(
    (tokens, readiness, count) => {
      for (const [token, bits] of [...tokens.slice(0, count)].map((t, i) => [t, readiness[i]])) {
        this.waiting.get(token)?.(bits)
      }
    },
    (cause) => {
      throw cause
    },
  )

  ready(handle, interest) {
    assert.equal(this.native.register(handle, ++this.token, interest), 0)
    return new Promise((resolve) => this.waiting.set(this.token, resolve))
  }

  destroy() {
    return new Promise((resolve) => this.native.destroy(resolve))
  }
}

async function serve(options) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {}).on('data', (data) => socket.end(String(data).toUpperCase()))
  })
  server.listen(options)
  await once(server, 'listening')
  return server
}

async function connects(bench) {
  const { native } = bench
  for (const [family, address] of [
    [INET, '127.0.0.1'],
    [INET6, '::1'],
    [INET6, '::1%lo'],
  ]) {
    const server = await serve({ host: address.split('%')[0], port: 0 })
    const { port } = server.address()
    const handle = native.open(family, STREAM)
    const times = new Float64Array(2)
    assert.equal(native.connect(handle, family, address, port), -E.EINPROGRESS)
    await bench.ready(handle, WRITABLE)
    assert.equal(native.finishConnect(handle, times), 0)
    assert.ok(times[1] > times[0])
    assert.equal(native.peerAddress(handle).port, port)
    assert.equal(native.send(handle, Buffer.from('xhello'), 1), 5)
    await bench.ready(handle, READABLE)
    assert.equal(native.receive(handle, Buffer.alloc(9)), 5)
    assert.equal(native.shutdown(handle), 0)
    native.close(handle, false)
    server.close()
    await once(server, 'close')
    const refused = native.open(family, STREAM)
    native.connect(refused, family, address, port)
    await bench.ready(refused, WRITABLE)
    assert.equal(native.finishConnect(refused, times), -E.ECONNREFUSED)
    native.close(refused, true)
  }
}

/** Reset inside the sink, so kept and used again; and exchanged for a new one where it is bound. */
async function recycles(bench) {
  const { native } = bench
  const server = await serve({ host: '127.0.0.1', port: 0 })
  const { port } = server.address()
  for (let round = 0; round < 6; round++) {
    await new Promise((resolve) => {
      const handle = native.open(INET, STREAM)
      native.connect(handle, INET, '127.0.0.1', port)
      native.register(handle, ++bench.token, WRITABLE)
      bench.waiting.set(bench.token, () => {
        assert.equal(native.finishConnect(handle), 0)
        native.close(handle, true)
        const next = native.open(INET, STREAM)
        if (round % 2 === 0) assert.equal(native.bind(next, INET, '127.0.0.1', 0), 0)
        native.connect(next, INET, '127.0.0.1', port)
        native.close(next, true)
        resolve()
      })
    })
  }
  server.close()
}

function datagrams({ native }) {
  for (const [family, address] of [
    [INET, '127.0.0.1'],
    [UNIX, ''],
  ]) {
    const [one, two] = [native.open(family, DGRAM), native.open(family, DGRAM)]
    assert.equal(native.bind(one, family, address, 0), 0)
    const local = native.localAddress(one)
    assert.equal(native.connect(two, family, local.path ?? local.address, local.port ?? 0), 0)
    assert.equal(native.finishConnect(two), 0)
    assert.equal(native.send(two, new Uint8Array(100), 0), 100)
    assert.equal(native.receive(one, new Uint8Array(7)), 7)
    assert.equal(native.disconnect(two), 0)
    assert.equal(native.peerAddress(two), undefined)
    const value = new Uint8Array(Uint32Array.of(20_000).buffer)
    assert.equal(native.setOption(two, 1, 7, value), 0)
    assert.equal(native.getOption(two, 1, 7, new Uint8Array(64)), 4)
    native.close(one, false)
    native.close(two, true)
  }
  const vsock = native.open(VSOCK, STREAM)
  if (vsock >= 0) assert.equal(native.bind(vsock, VSOCK, 2 ** 32 - 1, 4_000_000_001), 0)
  native.localAddress(vsock)
}

async function descriptors(bench) {
  const { native } = bench
  const other = new Bench()
  for (const [family, type] of [
    [INET, STREAM],
    [UNIX, SEQPACKET],
  ]) {
    const handle = other.native.open(family, type)
    other.native.register(handle, 1, WRITABLE)
    const adopted = native.adopt(other.native.detach(handle))
    assert.equal(native.kindOf(adopted), family * 16 + type)
    await bench.ready(adopted, WRITABLE)
    assert.equal(native.finishConnect(adopted, new Float64Array(2)), -E.ECONNRESET)
  }
  await other.destroy()
}

async function waits({ native }, path) {
  const inet = await serve({ host: '127.0.0.1', port: 0 })
  const unix = await serve({ path })
  const { port } = inet.address()
  const tcp = native.open(INET, STREAM)
  assert.equal(native.connectAndWait(tcp, 5_000, INET, '127.0.0.1', port), 0)
  assert.equal(native.finishConnect(tcp, new Float64Array(2)), 0)
  assert.equal(native.connectAndWait(native.open(UNIX, STREAM), Infinity, UNIX, path, 0), 0)
  inet.close()
  unix.close()
}

/** Every function with every one of these in every place. */
function misuse({ native }) {
  const detached = new Uint8Array(8)
  structuredClone(detached, { transfer: [detached.buffer] })
  const values = [
    undefined,
    null,
    -1,
    0.5,
    NaN,
    2 ** 60,
    'x'.repeat(200),
    {},
    1n,
    detached,
    () => {},
  ]
  const answers = new Set()
  for (const [name, call] of Object.entries(native)) {
    if (name === 'destroy') continue
    for (const value of values) {
      for (let place = 0; place < 5; place++) {
        const handle = native.open(INET, STREAM)
        const list = [handle, 1, 2, 1, 1]
        list[place] = value
        try {
          const answer = call(...list)
          if (name === 'detach' && answer >= 0) native.adopt(answer)
          answers.add(typeof answer)
        } catch (error) {
          answers.add(error.name)
        }
        native.close(handle, true)
      }
    }
  }
  for (const answer of answers)
    assert.match(answer, /^(TypeError|RangeError|number|undefined|object)$/)
}

/** A backend that is left to the collector, or to the process's end, with sockets open. */
function forgets() {
  const { native } = new Bench()
  native.register(native.open(INET, STREAM), 1, WRITABLE)
  native.setRef(false)
}

await main()
console.log('program: ok')
