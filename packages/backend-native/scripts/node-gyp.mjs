/** node-gyp's build of the addon in a folder. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const require = createRequire(import.meta.url)

/** What spawnSync() gives. Throws where node-gyp, or what the addon includes, is not installed. */
export function nodeGyp(folder, environment) {
  require.resolve('node-addon-api')
  const program = require.resolve('node-gyp/bin/node-gyp.js')
  const args = [program, 'configure', 'build', '--release', '--jobs=max']
  const prefix = dirname(dirname(process.execPath))
  const headers = ['node_api.h', 'uv.h'].map((name) => join(prefix, 'include', 'node', name))
  // Node's own headers, where they came with it: nothing has to be downloaded then.
  if (headers.every(existsSync)) args.push(`--nodedir=${prefix}`)
  return spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
    maxBuffer: 64 * 1024 * 1024,
  })
}
