/** Every errno that a connect can end with, from the real kernel, on both real backends, told alike. */
import type { TestContext } from 'vitest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PlainAnswer } from '../src/inside/plain-sockets.js'
import type { Elapsed } from '../src/inside/stopwatch.js'
import { underFault } from '../src/rig/fault-injection.js'
import { type BackendName, missing, missingBackend } from '../src/rig/requirements.js'
import { FAULTS, type FaultRow } from './errnos/faults.js'
import { Lab } from './errnos/lab.js'
import type { Needs, Row, Seen } from './errnos/row.js'
import { ROWS } from './errnos/rows.js'
import { BACKENDS, describeNetwork } from './suite.js'

let lab: Lab
/** Those that take the kernel seconds run side by side, from the start; the others each in its own test. */
const early = new Map<Row, Record<BackendName, Promise<Seen> | undefined>>()
const answered = new Map<Row, Promise<readonly PlainAnswer[]>>()
const before = new Map<'network' | 'plain', number>()
const passed: Record<BackendName, number> = { native: 0, net: 0 }

describeNetwork('errnos', () => {
  beforeAll(async () => {
    lab = await Lab.open()
    for (const place of ['network', 'plain'] as const) {
      before.set(place, await lab.at(place).connecting('descriptors'))
    }
    for (const row of ROWS) {
      if (!row.takesMs && !row.isSlow) continue
      const start = (backend: BackendName) => {
        if (lacking(row, backend)) return undefined
        return unobserved(row.provoke(lab, backend))
      }
      early.set(row, { native: start('native'), net: start('net') })
      if (row.calls && !lacking(row, 'native')) answered.set(row, unobserved(row.calls(lab)))
    }
  })

  afterAll(async () => {
    for (const backend of BACKENDS) report(backend)
    await lab?.close()
  })

  for (const row of ROWS) {
    describe(`${row.errno}: ${row.how}`, () => {
      it.for(BACKENDS)('%s', async (backend, context) => {
        skipWhere(context, lacking(row, backend))
        const seen = await (early.get(row)?.[backend] ?? row.provoke(lab, backend))
        if (Array.isArray(row.expected)) expect([seen].flat()).toEqual(row.expected)
        else expect(seen).toMatchObject({ ...row.expected, ...(backend === 'net' && row.onNet) })
        if (row.syscall && backend === 'native') {
          expect(seen).toMatchObject({ syscall: row.syscall })
        }
        if (row.takesMs) {
          const { elapsedMs, starvedMs } = seen as Elapsed
          expect(elapsedMs).toBeGreaterThanOrEqual(row.takesMs[0])
          expect(elapsedMs - starvedMs).toBeLessThanOrEqual(row.takesMs[1])
        }
        passed[backend]++
      })

      if (row.answers === undefined) return
      it('native, call by call', async (context) => {
        skipWhere(context, lacking(row, 'native'))
        expect(await (answered.get(row) ?? row.calls?.(lab))).toEqual(row.answers)
      })
    })
  }

  describe('faults', () => {
    beforeAll(async () => {
      for (const backend of lab.capabilities.keys()) {
        await lab.at('plain').connecting('hold', backend)
      }
    })
    afterAll(() => lab.at('plain').connecting('release'))
    for (const row of FAULTS) testFault(row)
  })

  function testFault(row: FaultRow): void {
    describe(`${row.error}: injected into ${row.syscall}()`, () => {
      it.for(BACKENDS)('%s', async (backend, context) => {
        skipWhere(context, missing('strace') ?? lacking(row, backend))
        const { agent, connecting } = lab.at('plain')
        const { value, calls } = await underFault(agent, row, () =>
          connecting('connectHeld', backend, 'tcp://127.0.0.1:9', row.options ?? {}),
        )
        expect(calls.join('\n')).toContain(`${row.error} `)
        expect(value).toMatchObject(row.expected)
        if (backend === 'native') expect(value.syscall).toBe(row.told ?? row.syscall)
        passed[backend]++
      })
    })
  }

  it('leave no descriptor open', async () => {
    for (const [place, count] of before) {
      expect([place, await lab.at(place).connecting('descriptors')]).toEqual([place, count])
    }
  })
})

/** Why this row can't be had of this backend here. */
function lacking(
  { needs = {}, notOnNet }: { readonly needs?: Needs; readonly notOnNet?: string },
  backend: BackendName,
): string | undefined {
  const noBackend = missingBackend(backend)
  if (noBackend) return noBackend
  if (backend === 'net' && notOnNet) return notOnNet
  if (needs.machine && missing(needs.machine)) return missing(needs.machine)
  if (needs.nativeBind && !lab.canBind) return 'only the native backend could bind a unix path'
  const has = lab.capabilities.get(backend)
  if (has === undefined) throw new Error(`nobody asked what ${backend} can do`)
  const { capability, socket, options = [] } = needs
  const without = (what: string) => `the ${backend} backend has no ${what}`
  if (capability && !has[capability]) return without(capability)
  if (socket && !has.sockets[socket[0]].includes(socket[1])) {
    return without(`${socket.join(' ')} sockets`)
  }
  const absent = options.find((name) => !has.options.includes(name))
  return absent && without(`option ${absent}`)
}

function skipWhere(context: TestContext, reason: string | undefined): void {
  if (reason !== undefined) context.skip(reason)
}

/** Awaited later, by the test of its row: a failure until then is not an unhandled one. */
function unobserved<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

function report(backend: BackendName): void {
  const rows = ROWS.length + FAULTS.length
  const skipped = [...ROWS, ...FAULTS].filter(
    (row) =>
      lacking(row, backend) !== undefined || (FAULTS.includes(row as never) && missing('strace')),
  ).length
  const failed = rows - passed[backend] - skipped
  process.stdout.write(
    `errno rows on ${backend}: ${rows}, ${passed[backend]} passed, ${skipped} skipped, ${failed} failed\n`,
  )
}
