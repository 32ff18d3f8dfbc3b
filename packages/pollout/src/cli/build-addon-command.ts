/** `pollout build-addon`: runs the script of the native backend's package. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { ExitCode } from './common/exit-codes.js'

export async function buildAddonCommand({
  output,
}: {
  readonly output?: string
}): Promise<ExitCode> {
  const require = createRequire(import.meta.url)
  const root = dirname(require.resolve('@pollout/backend-native/package.json'))
  const how = output === undefined ? ['--require'] : ['--output', output]
  const args = [join(root, 'scripts', 'build-addon.mjs'), ...how]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'close')
  return code === 0 ? ExitCode.ALL_CONNECTED : ExitCode.SOME_FAILED
}
