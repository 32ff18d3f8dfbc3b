/** Compiles the addon a second time, with other flags, in a folder of its own. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** To `<folder>/build/Release/pollout.node`; false, with what the compiler said printed, where it did not work. */
export function compileInto(folder, environment) {
  mkdirSync(folder, { recursive: true })
  for (const part of ['binding.gyp', 'package.json', 'native']) {
    cpSync(join(root, part), join(folder, part), { recursive: true, preserveTimestamps: true })
  }
  const prefix = dirname(dirname(process.execPath))
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      require.resolve('node-gyp/bin/node-gyp.js'),
      'configure',
      'build',
      '--release',
      '--jobs=max',
      ...(headers ? [`--nodedir=${prefix}`] : []),
    ],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, POLLOUT_WERROR: '1', ...environment },
    },
  )
  if (status !== 0) console.log(stdout + stderr)
  return status === 0
}
