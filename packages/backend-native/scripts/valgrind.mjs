/**
 * Runs scripts/valgrind-program.mjs under valgrind's memcheck, on an addon built with debug information, in a build
 * folder of its own. What counts is an error or a definite leak with a frame of the addon in its stack: Node and V8,
 * which was not written for memcheck, have enough of their own. ASan (sanitize.mjs) can't tell leaks, so this does.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile } from './compile.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'build', 'valgrind')
const addon = join(folder, 'pollout.node')
const program = join(root, 'scripts', 'valgrind-program.mjs')
const LIMIT_MS = 300_000

async function main() {
  if (spawnSync('valgrind', ['--version']).status !== 0) {
    console.log('skipped: valgrind is not installed')
    return 0
  }
  const instrument = ['-g', '-O1', '-fno-omit-frame-pointer']
  await compile('g++', addon, { instrument, strict: true })
  const reports = join(folder, 'reports')
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports)
  const { status, error } = spawnSync(
    'valgrind',
    [
      '--error-limit=no',
      '--smc-check=all-non-file',
      '--leak-check=full',
      '--show-leak-kinds=definite',
      '--num-callers=40',
      '--keep-debuginfo=yes',
      '--xml=yes',
      `--xml-file=${join(reports, '%p.xml')}`,
      process.execPath,
      program,
      addon,
    ],
    { stdio: 'inherit', timeout: LIMIT_MS },
  )
  if (error !== undefined || status !== 0) {
    console.log(`valgrind: the program failed: ${error?.message ?? `status ${status}`}`)
    return 1
  }
  return judge(reports)
}

function judge(reports) {
  const errors = readdirSync(reports).flatMap((name) => {
    const text = readFileSync(join(reports, name), 'utf8')
    return text.match(/<error>[\s\S]*?<\/error>/g) ?? []
  })
  const ours = errors.filter((error) => error.includes(`<obj>${addon}</obj>`))
  for (const error of ours) console.log(summaryOf(error))
  console.log(
    `valgrind: ${ours.length} errors in the addon, ${errors.length - ours.length} elsewhere that do not count`,
  )
  return ours.length === 0 ? 0 : 1
}

/** Kind, text and stack. */
function summaryOf(error) {
  const kind = /<kind>(.*?)<\/kind>/.exec(error)?.[1]
  const what = /<(?:what|text)>(.*?)<\/(?:what|text)>/.exec(error)?.[1]
  const frames = [...error.matchAll(/<frame>([\s\S]*?)<\/frame>/g)].map(([, frame]) => {
    const [fn, file, line] = ['fn', 'file', 'line'].map(
      (tag) => new RegExp(`<${tag}>(.*?)</${tag}>`).exec(frame)?.[1] ?? '?',
    )
    return `    ${fn} (${file}:${line})`
  })
  return [`${kind}: ${what}`, ...frames].join('\n')
}

process.exitCode = await main()
