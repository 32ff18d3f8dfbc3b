/** `pollout load`: sends requests at a rate, and tells how a server bears it. */
import {
  judge,
  type LoadResult,
  type Progress,
  parseThreshold,
  runLoad,
  type Threshold,
} from '@pollout/load'
import { milliseconds, whole } from '../../outcomes/figures.js'
import { clearedLine, say } from '../common/console.js'
import { ExitCode, messageOf, UsageError } from '../common/exit-codes.js'
import { LineOutput } from '../common/line-output.js'
import { openReactor } from '../common/open-reactor.js'
import { Stop } from '../common/stop.js'
import { type LoadCommandOptions, loadOptionsOf } from './load-options.js'
import { loadSummary } from './load-summary.js'

export async function loadCommand(
  targets: readonly string[],
  options: LoadCommandOptions,
): Promise<ExitCode> {
  const load = loadOptionsOf(targets, options)
  const thresholds = (options.threshold ?? []).map(thresholdOf)
  using stop = new Stop()
  await using opened = openReactor(options)
  const { signal } = stop
  const onProgress = options.silent ? undefined : progressLine(options)
  const result = await withUsage(() => runLoad(opened.reactor, { ...load, signal, onProgress }))
  if (onProgress) process.stderr.write(clearedLine(process.stderr))
  const judged = thresholds.map((threshold) => judge(threshold, result))
  const output = new LineOutput(process.stdout, stop)
  output.line(
    options.json ? JSON.stringify({ ...result, thresholds: judged }) : loadSummary(result, judged),
  )
  await output.end()
  if (stop.exitCode !== undefined) return stop.exitCode
  if (options.json) for (const { message } of result.problems) say(`the run is invalid: ${message}`)
  return exitCodeOf(
    result,
    judged.every(({ isMet }) => isMet),
  )
}

function thresholdOf(text: string): Threshold {
  try {
    return parseThreshold(text)
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}

function exitCodeOf(result: LoadResult, allMet: boolean): ExitCode {
  if (result.requests.answered === 0) return ExitCode.SOME_FAILED
  if (!result.isValid) return ExitCode.INVALID
  return allMet ? ExitCode.ALL_CONNECTED : ExitCode.SOME_FAILED
}

/** What can't be meant is the user's to mend. */
async function withUsage<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}

/** A line redrawn in place on a terminal; elsewhere, where it is asked for, a line each second. */
function progressLine({
  progress,
}: LoadCommandOptions): ((progress: Progress) => void) | undefined {
  const { stderr } = process
  if (!stderr.isTTY && !progress) return undefined
  return (now) => {
    const line = lineOf(now)
    if (!stderr.isTTY) return void stderr.write(`pollout: ${line}\n`)
    stderr.write(`\r${line.slice(0, (stderr.columns || 80) - 1)}\x1b[K`)
  }
}

function lineOf({ elapsedMs, durationMs, answered, failed, open, last }: Progress): string {
  const parts = [
    `${Math.max(0, elapsedMs / 1_000).toFixed(0)} of ${(durationMs / 1_000).toFixed(0)} s`,
    `${whole(answered)} answered`,
    `${whole(failed)} failed`,
    `${whole(open)} open`,
  ]
  if (last) {
    parts.push(`${whole(last.answered + last.failed)}/s`)
    if (last.p50 !== null) parts.push(`p50 ${milliseconds(last.p50)}`)
    if (last.p99 !== null) parts.push(`p99 ${milliseconds(last.p99)}`)
  }
  return parts.join('  ')
}
