/** `--report`: the run as one HTML page, collected as it goes and written when it has ended. */
import { writeFileSync } from 'node:fs'
import { HtmlReport, type ReportContext } from '../../html-report/html-report.js'
import type { OutcomeRow, OutcomeSink } from '../../outcomes/outcome-row.js'
import { messageOf } from '../common/exit-codes.js'
import type { Place } from '../common/file-place.js'
import { standardOutput } from './destination.js'
import { replaceFile } from './replace-file.js'

/** As umask(2) has it. */
const MODE = 0o666

export class ReportFile implements OutcomeSink {
  readonly #place: Place
  readonly #report = new HtmlReport()

  constructor(place: Place) {
    this.#place = place
  }

  outcome(row: OutcomeRow): void {
    this.#report.outcome(row)
  }

  /** Returns what went wrong, as one line; undefined where it is written. */
  async write(context: ReportContext): Promise<string | undefined> {
    const { name, path, stat, isStandardOutput } = this.#place
    try {
      const page = this.#report.render(context)
      if (isStandardOutput) await standardOutput().write(page)
      // Whole or not at all; but a device or a pipe must not be replaced by a file.
      else if (stat && !stat.isFile()) writeFileSync(path, page)
      else await (await replaceFile(path, page, MODE)).close()
      return undefined
    } catch (error) {
      return `can't write the report to ${name}: ${messageOf(error)}`
    }
  }
}
