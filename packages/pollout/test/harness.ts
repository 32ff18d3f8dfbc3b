/** Runs the built command as a user would, and servers on loopback for it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isNativeBackendAvailable } from 'pollout'
import { afterEach, onTestFinished } from 'vitest'

export const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

export interface RunOptions {
  /** Text or bytes for stdin; `open` leaves it open with nothing in it. Default: an empty one. */
  readonly stdin?: string | Buffer | 'open'
  readonly nodeArgs?: readonly string[]
  readonly uid?: number
  readonly cwd?: string
  /** Besides what this process has. */
  readonly env?: NodeJS.ProcessEnv
  /** Called once, with the first of stdout. */
  readonly onFirstOutput?: (child: ChildProcess) => void
}

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly lines: string[]
}

export const native = isNativeBackendAvailable()
const FALLBACK = /^pollout: the native backend is not available [^\n]*\n/

const running = new Set<ChildProcess>()
const servers = new Set<Server>()

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL')
  await Promise.all([...servers].map((server) => new Promise((done) => server.close(done))))
  servers.clear()
})

export function start(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const { stdin = '', nodeArgs = [], uid, cwd, env = {} } = options
  const child = spawn(process.execPath, [...nodeArgs, CLI, ...args], {
    stdio: 'pipe',
    env: { ...process.env, ...env },
    ...(uid === undefined ? {} : { uid }),
    ...(cwd === undefined ? {} : { cwd }),
  })
  running.add(child)
  child.on('exit', () => running.delete(child))
  // A command that ends without reading its stdin is no fault of the test.
  child.stdin.on('error', () => {})
  if (stdin !== 'open') child.stdin.end(stdin)
  return child
}

export async function finish(child: ChildProcess, options: RunOptions = {}): Promise<Finished> {
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (stdout === '') options.onFirstOutput?.(child)
    stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  // Where the fallback is not what a test is about, it reads the same with and without the addon.
  if (!native.available && !options.nodeArgs) stderr = stderr.replace(FALLBACK, '')
  return { code, signal, stdout, stderr, lines: stdout.split('\n').filter(Boolean) }
}

export function pollout(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return finish(start(args, options), options)
}

/** Handles each connection; errors of sockets are the peer's affair. */
export async function listen(
  handle: (socket: Socket) => void = () => {},
  where: { host?: string; path?: string } = {},
): Promise<{ uri: string; port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    // Without reading, the end of a peer would go unseen and close() would wait for it.
    socket.resume()
    socket.on('end', () => socket.end())
    handle(socket)
  })
  const close = server.close.bind(server)
  server.close = (done) => {
    for (const socket of sockets) socket.destroy()
    return close(done)
  }
  const { host = '127.0.0.1', path } = where
  server.listen(path === undefined ? { host, port: 0 } : { path })
  await once(server, 'listening')
  servers.add(server)
  const address = server.address()
  if (address === null || typeof address === 'string') return { uri: `unix:${path}`, port: 0 }
  const name = host.includes(':') ? `[${host}]` : host
  return { uri: `tcp://${name}:${address.port}`, port: address.port }
}

/** Signed by nobody but itself, by openssl(1). */
export function certificate(name = 'unit.example'): {
  readonly key: string
  readonly cert: string
} {
  const folder = mkdtempSync(join(tmpdir(), 'pollout-cert-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const options = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ]
  const names = ['-utf8', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:unit.example']
  execFileSync('openssl', ['req', '-x509', ...options, ...names, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
}
