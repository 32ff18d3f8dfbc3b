/**
 * Mends what can be mended by itself: generated documents, Biome's safe fixes and formatting, the width of prose, clang-format on
 * the addon.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './packages.mjs'

start('node', ['scripts/build.mjs'])
start('node', ['scripts/generate-docs.mjs'])
start('node', ['scripts/draw-floors.mjs'])
start('node', ['scripts/figures.mjs'])
start('biome', ['check', '--write', ...process.argv.slice(2)])
start('prettier', ['--write', '--log-level', 'warn', '**/*.md'])

const native = join(root, 'packages/backend-native/native')
const files = existsSync(native) ? readdirSync(native) : []
const sources = files.filter((name) => /[.](cc|h)$/.test(name))
if (sources.length > 0) {
  // Nothing is changed where there is no .clang-format.
  const style = ['--style=file', '--fallback-style=none']
  start('clang-format', ['-i', ...style, ...sources.map((name) => join(native, name))])
}

function start(command, args) {
  const { error, status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error) console.error(`${command}: ${error.message}`)
  if (error || status !== 0) process.exitCode = 1
}
