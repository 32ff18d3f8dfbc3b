/** What tests run that npm brings: package managers, runtimes, compilers of other versions. Each is kept, in a folder of its own. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lock } from '../packages/backend-native/scripts/build-lock.mjs'
import { root } from './packages.mjs'
import { run } from './run.mjs'

/** In the checkout: in a temporary folder others could put their own in its place. */
const TOOLS = join(root, 'node_modules/.cache/tools')

/** Many times what the largest takes. */
const LONGEST_WAIT_MINUTES = 10

/** The `node_modules` that `tool` is in, say `pnpm@12`. */
export async function toolFolder(tool, tools = TOOLS) {
  const folder = join(tools, tool.replaceAll('/', '+'))
  const modules = join(folder, 'node_modules')
  const whole = join(folder, 'whole')
  if (existsSync(whole)) return modules
  mkdirSync(folder, { recursive: true })
  const release = await lock(folder, LONGEST_WAIT_MINUTES * 60_000)
  try {
    if (release === undefined) throw new Error(`another installs ${tool}, and does not end`)
    if (existsSync(whole)) return modules
    const args = [
      'install',
      tool,
      '--prefix',
      folder,
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
    ]
    // Also what is for another processor.
    args.push('--ignore-scripts', '--force')
    const { code, output } = await run('npm', args, folder)
    if (code !== 0) throw new Error(`${tool} can't be had: ${output}`)
    writeFileSync(whole, '')
    return modules
  } finally {
    release?.()
  }
}
