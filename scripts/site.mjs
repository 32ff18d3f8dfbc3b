/**
 * Builds the documentation site into packages/site/dist: the API reference first, into docs/api, then all pages by VitePress.
 *
 * `--dev` serves it instead, and shows changes of the pages as they are made; `--preview` serves what was built.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { installMissing } from './install.mjs'
import { root } from './packages.mjs'

const site = join(root, 'packages/site')
const serves = ['--dev', '--preview'].find((option) => process.argv.includes(option))

installMissing()
if (serves !== '--preview') start('node', [join(root, 'scripts/generate-reference.mjs')])
start(join(site, 'node_modules/.bin/vitepress'), [serves?.slice(2) ?? 'build', site])

function start(command, args) {
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) process.exit(status ?? 1)
}
