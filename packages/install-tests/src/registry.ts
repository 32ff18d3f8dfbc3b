/**
 * A package registry on loopback: it has the packages of this repository as they would be published, and asks the registry
 * that npm is set to for all others. So each package manager installs `pollout` by its name, as users do.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { packAll } from './scripts.js'

const run = promisify(execFile)

export interface Registry extends AsyncDisposable {
  /** With a slash at its end. */
  readonly url: string
  /** One of its own, for what is installed from it; removed with it. */
  readonly folder: string
  /** Of the packages that it packed. */
  readonly names: readonly string[]
}

interface Served {
  readonly manifest: { readonly name: string; readonly version: string }
  readonly bytes: Buffer
}

let isStarted = false

/** Packs the public packages, and serves them. They have to be built. */
export async function startRegistry(): Promise<Registry> {
  // Whoever starts a second one forgets the first, and its folder stays.
  if (isStarted) throw new Error('a registry has been started in this file')
  isStarted = true
  const folder = mkdtempSync(join(tmpdir(), 'pollout-install-'))
  const packages = new Map<string, Served>()
  for (const { manifest, archive } of await packAll(join(folder, 'packed'))) {
    packages.set(manifest.name, { manifest, bytes: readFileSync(archive) })
  }
  const { stdout } = await run('npm', ['config', 'get', 'registry'])
  const upstream = stdout.trim()
  const server = createServer((request, response) => {
    answer(request, response, packages, upstream).catch((error: Error) => {
      response.writeHead(502).end(error.message)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    folder,
    names: [...packages.keys()],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await server[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  packages: ReadonlyMap<string, Served>,
  upstream: string,
): Promise<void> {
  const path = decodeURIComponent((request.url ?? '/').slice(1)).replace(/\?.*$/, '')
  const [name = path, archive] = path.split('/-/')
  const ours = packages.get(name)
  if (ours === undefined) return passOn(request, response, upstream)
  if (archive !== undefined) {
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(ours.bytes)
    return
  }
  const tarball = `http://${request.headers.host}/${name}/-/${ours.manifest.version}.tgz`
  const { version } = ours.manifest
  const packument = {
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { ...ours.manifest, dist: { tarball, ...sumsOf(ours.bytes) } } },
    // Some refuse what is a few days old, others what has no age.
    time: { created: LONG_AGO, modified: LONG_AGO, [version]: LONG_AGO },
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(packument))
}

const LONG_AGO = '2020-01-01T00:00:00.000Z'

const sumsOf = (bytes: Buffer) => ({
  shasum: createHash('sha1').update(bytes).digest('hex'),
  integrity: `sha512-${createHash('sha512').update(bytes).digest('base64')}`,
})

/** Whole, with the type of what is asked for: that decides which form of a packument comes. */
async function passOn(
  { method = 'GET', url = '/', headers: { accept } }: IncomingMessage,
  response: ServerResponse,
  upstream: string,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(404).end()
    return
  }
  const answer = await fetch(new URL(url.slice(1), upstream), {
    method,
    headers: accept === undefined ? {} : { accept },
  })
  const type = answer.headers.get('content-type') ?? 'application/octet-stream'
  response.writeHead(answer.status, { 'content-type': type })
  response.end(Buffer.from(await answer.arrayBuffer()))
}
