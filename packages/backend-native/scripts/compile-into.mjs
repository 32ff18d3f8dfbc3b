/** Compiles the addon a second time, with other flags, in a folder of its own. */
import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeGyp } from './node-gyp.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** To `<folder>/build/Release/pollout.node`; false, with what the compiler said printed, where it did not work. */
export function compileInto(folder, environment) {
  mkdirSync(folder, { recursive: true })
  for (const part of ['binding.gyp', 'package.json', 'native']) {
    cpSync(join(root, part), join(folder, part), { recursive: true, preserveTimestamps: true })
  }
  const { status, stdout, stderr } = nodeGyp(folder, { POLLOUT_WERROR: '1', ...environment })
  if (status !== 0) console.log(stdout + stderr)
  return status === 0
}
