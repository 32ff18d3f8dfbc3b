/** `pollout fanout`: opens what it is given, and tries every target of it. */
import { ExitCode, UsageError } from '../common/exit-codes.js'
import { openReactor } from '../common/open-reactor.js'
import { Stop } from '../common/stop.js'
import { Fanout, type Means } from './fanout.js'
import { checkFanoutOptions, type FanoutCommandOptions } from './fanout-options.js'
import { makePlan } from './fanout-plan.js'
import { readExclusions } from './fanout-targets.js'
import { type Input, openInput, refuseReadingTwice, unreadable } from './input.js'
import { OutputFile } from './output-file.js'
import { policyOf } from './policy.js'
import { ReportFile } from './report-file.js'
import { lockOutputs, outputsOf } from './run-files.js'

export async function fanoutCommand(
  items: readonly string[],
  options: FanoutCommandOptions,
): Promise<ExitCode> {
  checkFanoutOptions(options)
  // A limit of file sizes (setrlimit(2)) is told by the write itself then, and does not kill.
  process.on('SIGXFSZ', () => {})
  const { list = [], exclude = [], excludeFile = [] } = options
  const lists = openLists(items, list)
  const excludeFiles = excludeFile.map(openInput)
  const inputs = [...lists, ...excludeFiles]
  refuseReadingTwice(inputs)
  const outputs = outputsOf(options, inputs)
  await lockOutputs(outputs)
  const exclusions = await readExclusions(exclude, excludeFiles)
  const policy = policyOf(options, exclusions)
  const { checkpoint } = outputs
  const output = outputs.output && new OutputFile(outputs.output)
  const report = outputs.report && new ReportFile(outputs.report)
  using stop = new Stop()
  const { signal } = stop
  const plan = await makePlan({ items, lists, exclusions, output, checkpoint, options, signal })
  const exitCode = plan
    ? await runPlan({ plan, lists, policy, output, report, options, stop })
    : (stop.exitCode ?? ExitCode.INTERRUPTED)
  if (lists.some(({ mayHang }) => mayHang)) stop.endBySignal()
  return exitCode
}

/** Standard input is taken where nothing else is named, and something is piped in. */
function openLists(items: readonly string[], files: readonly string[]): readonly Input[] {
  if (items.length > 0 || files.length > 0) return files.map(openInput)
  if (process.stdin.isTTY) {
    throw new UsageError(
      "no targets: write some, name a file with -l, pipe a list in, or write '-l -' to type it",
    )
  }
  return [openInput('-')]
}

async function runPlan(means: Means): Promise<ExitCode> {
  const { lists, options } = means
  await using opened = openReactor(options)
  const fanout = new Fanout(opened.reactor, means)
  try {
    return await fanout.all()
  } catch (error) {
    // In a stream the list is read while its targets are tried.
    const broken = lists.find(({ stream }) => stream.errored)
    throw broken ? unreadable(broken.name, error) : error
  } finally {
    for (const { stream } of lists) stream.destroy()
  }
}
