/**
 * Compares this commit with another, in turn: the demo in a fresh clone with empty caches, and `import 'pollout'` after it.
 *
 *   compare-first-run.mjs COMMIT [ROUNDS]
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './packages.mjs'

const IMPORTS = 20
const PROGRAM = `
  const started = performance.now()
  await import('pollout')
  const ms = performance.now() - started
  console.log(JSON.stringify({ ms, megabytes: process.memoryUsage.rss() / 1e6 }))`

const [other, rounds = '3'] = process.argv.slice(2)
if (other === undefined) throw new Error('compare-first-run.mjs COMMIT [ROUNDS]')
const place = mkdtempSync(join(tmpdir(), 'pollout-first-run-'))
/** Ours first. */
const clones = ['HEAD', other].map((commit, index) => ({ commit, dir: join(place, `${index}`) }))
const [times, imports] = [[], []]
try {
  for (let round = 0; round < Number(rounds); round++) times.push(clones.map(firstRun))
  for (let round = 0; round < IMPORTS; round++) imports.push(clones.map(importCost))
} finally {
  rmSync(place, { recursive: true, force: true })
}
report('first run, s', times, 'wall')
report('first run, s of processor time', times, 'processor')
report("import 'pollout', ms", imports, 'ms')
report("process with import 'pollout', MB", imports, 'megabytes')

function firstRun({ commit, dir }) {
  const home = join(place, 'home')
  for (const folder of [dir, home]) rmSync(folder, { recursive: true, force: true })
  mkdirSync(home)
  run('git', ['clone', '-q', root, dir])
  run('git', ['-C', dir, 'checkout', '-q', commit])
  // What npm, pnpm and XDG are told by the environment would lead to the caches that are there.
  const env = Object.entries(process.env).filter(([name]) => !/^(npm|pnpm|xdg)_/i.test(name))
  const started = performance.now()
  const [demo, log] = ['npx -y pnpm@12 demo', join(place, 'log')]
  const text = run('sh', ['-c', `${demo} >"$0" 2>&1 || exit 1; times`, log], {
    cwd: dir,
    env: { ...Object.fromEntries(env), HOME: home, CI: 'true' },
  })
  const wall = (performance.now() - started) / 1000
  // The second line of `times` is of the children: 1m2.3s of user's time, and the system's.
  const [, children] = text.split('\n')
  const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)]
  const processor = parts.reduce((sum, [, minutes, s]) => sum + Number(minutes) * 60 + Number(s), 0)
  const warnings = readFileSync(log, 'utf8').match(/^.*(warn|deprecated|notice).*$/gim) ?? []
  console.log(commit, wall.toFixed(1), processor.toFixed(1), `${warnings.length} warnings`)
  return { wall, processor }
}

function importCost({ dir }) {
  const cwd = join(dir, 'packages/demo')
  return JSON.parse(run(process.execPath, ['--input-type=module', '-e', PROGRAM], { cwd }))
}

function report(what, pairs, key) {
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
  const [ours, theirs] = [0, 1].map((index) => median(pairs.map((pair) => pair[index][key])))
  const ratio = median(pairs.map(([a, b]) => a[key] / b[key]))
  console.log(`${what}: ${ours.toFixed(1)}, was ${theirs.toFixed(1)}, ratio ${ratio.toFixed(2)}`)
}

function run(command, args, options) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stderr}`)
  return stdout
}
