/** Serves a folder as the hosts of static sites do: `/why` is why.html, `/api/` is api/index.html. */
import { createReadStream, statSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { extname, join, normalize } from 'node:path'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
}

export function serveFolder(folder: string): RequestListener {
  return ({ url = '/' }, response) => {
    const path = join(folder, normalize(decodeURI(url.replace(/[?#].*$/, ''))))
    const file = [path, `${path}.html`, join(path, 'index.html')].find((each) =>
      statSync(each, { throwIfNoEntry: false })?.isFile(),
    )
    if (file === undefined) {
      response.writeHead(404).end()
      return
    }
    const type = TYPES[extname(file)] ?? 'application/octet-stream'
    createReadStream(file).pipe(response.writeHead(200, { 'content-type': type }))
  }
}
