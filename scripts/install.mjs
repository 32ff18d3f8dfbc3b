/**
 * Installs what is missing, so that a fresh clone needs no `pnpm install` first: the scripts of package.json begin with it.
 *
 * For the demo that is what it runs and what builds that: a fifth of the packages. Their versions and hashes stand in the
 * lock file; what asks the registry when each package of it was published, 117 MB for all, is left to the whole install.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './packages.mjs'

const FOR_DEMO = ['--prod', '--frozen-lockfile', '--trust-lockfile', '--filter', '@pollout/demo...']
/** pnpm's own note of what it installed, in JSON. */
const INSTALLED = join(root, 'node_modules/.modules.yaml')

if (process.argv[1] === fileURLToPath(import.meta.url)) installMissing()

/** Ends the process where it can't be done. */
export function installMissing({ forDemo = false } = {}) {
  const isWhole = existsSync(INSTALLED) && installedWhole()
  const isNew = !existsSync(INSTALLED) || !(isWhole || forDemo)
  // Not on stdout, which is of the command that follows; in silence where there is nothing to do, which is most of the time.
  const { error, status, stdout, stderr } = spawnSync(
    'pnpm',
    ['install', ...(forDemo && !isWhole ? FOR_DEMO : [])],
    { cwd: root, stdio: isNew ? ['ignore', 2, 2] : ['ignore', 'pipe', 'pipe'], encoding: 'utf8' },
  )
  if (error === undefined && status === 0) return
  console.error(error?.message ?? `${stdout ?? ''}${stderr ?? ''}pnpm install ended with ${status}`)
  process.exit(1)
}

function installedWhole() {
  return JSON.parse(readFileSync(INSTALLED, 'utf8')).included.devDependencies
}
