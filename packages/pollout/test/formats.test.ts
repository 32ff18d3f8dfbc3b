/** What a line of output has of an outcome, in each format. */
import type { ConnectedOutcome } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { formats } from '../src/cli/fanout/formats.js'
import { connectRow, type Job, type OutcomeRow, probeRow } from '../src/outcomes/outcome-row.js'

const job: Job = {
  ...{ scheme: 'tcp', host: '127.0.0.1', port: 22 },
  ...{ position: 0, fields: undefined, tries: 1 },
}

function connected(followedBy: string | undefined): OutcomeRow {
  const address = { family: 'inet', address: '127.0.0.1', port: 22 }
  const outcome = { target: job, kind: 'connected', address, elapsedMs: 1, followedBy }
  return connectRow(job, outcome as ConnectedOutcome<Job>)
}

const inJson = (row: OutcomeRow) => JSON.parse(formats.json.line(row))
/** No cell of these rows needs quotes. */
function inCsv(row: OutcomeRow): Record<string, string | undefined> {
  const cells = formats.csv.line(row).trimEnd().split(',')
  const columns = formats.csv.header.trimEnd().split(',')
  return Object.fromEntries(columns.map((column, index) => [column, cells[index]]))
}

describe('what followed a connect at once', () => {
  it.each(['ECONNRESET', 'EPIPE'])('%s stands beside connected', (code) => {
    const row = connected(code)
    const expected = { event: 'connected', kind: 'connected', followedBy: code }
    expect(inJson(row)).toMatchObject(expected)
    expect(inCsv(row)).toMatchObject(expected)
    expect(formats.table.line(row)).toMatch(new RegExp(`^connected .* ms  then ${code}\n$`))
  })

  it('is left out where there was nothing', () => {
    const row = connected(undefined)
    expect(inJson(row)).not.toHaveProperty('followedBy')
    expect(inCsv(row)).toMatchObject({ followedBy: '' })
    expect(formats.table.line(row)).toMatch(/ ms\n$/)
  })

  it('stays where a probe has looked at the connection, and is told once', () => {
    const failure = {
      ...{ errno: -104, phase: 'receive', localFault: false },
      ...{ code: 'ECONNRESET', message: 'recv ECONNRESET' },
    }
    const row = probeRow(connected('ECONNRESET'), { probeMs: 1 }, failure)
    expect(inJson(row)).toMatchObject({ kind: 'probe-failed', followedBy: 'ECONNRESET' })
    expect(formats.table.line(row)).toMatch(/ ms {2}recv ECONNRESET\n$/)
  })
})
