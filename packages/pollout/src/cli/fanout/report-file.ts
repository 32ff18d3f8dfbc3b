/** `--report`: the run as one HTML page, collected as it goes and written when it has ended. */
import { accessSync, constants, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { HtmlReport, type ReportContext } from '../../html-report/html-report.js'
import { messageOf, UsageError } from '../exit-codes.js'
import type { OutcomeRow, OutcomeSink } from './outcome-row.js'

export class ReportFile implements OutcomeSink {
  readonly #name: string
  readonly #report = new HtmlReport()

  /** Throws UsageError for what can't be written: better now than after hours. */
  constructor(name: string) {
    this.#name = name
    try {
      const existing = statSync(name, { throwIfNoEntry: false })
      if (existing?.isDirectory()) throw new Error('it is a folder')
      accessSync(existing ? name : dirname(name), constants.W_OK)
    } catch (error) {
      throw new UsageError(`can't write the report to ${name}: ${messageOf(error)}`)
    }
  }

  outcome(row: OutcomeRow): void {
    this.#report.outcome(row)
  }

  /** Returns what went wrong, as one line; undefined where it is written. */
  write(context: ReportContext): string | undefined {
    try {
      const existing = statSync(this.#name, { throwIfNoEntry: false })
      const page = this.#report.render(context)
      // Whole or not at all; but a device or a pipe must not be replaced by a file.
      if (existing && !existing.isFile()) writeFileSync(this.#name, page)
      else replaceFile(this.#name, page)
      return undefined
    } catch (error) {
      return `can't write the report to ${this.#name}: ${messageOf(error)}`
    }
  }
}

function replaceFile(name: string, text: string): void {
  const temporary = `${name}.tmp`
  try {
    writeFileSync(temporary, text)
    renameSync(temporary, name)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}
