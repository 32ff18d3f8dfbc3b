/** Requests and responses against a model: nobody ever gets the response of another. */
import { RequestChannel } from '@pollout/framing'
import fc from 'fast-check'
import { Subject } from 'rxjs'
import { beforeEach, describe, expect, it, vi } from 'vitest'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

describe('against a model', () => {
  const command = fc.oneof(
    fc.constant({ do: 'ask' as const }),
    fc.constant({ do: 'respond' as const }),
    fc.record({ do: fc.constant('leave' as const), which: fc.nat() }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(150) }),
  )

  it.each(['order', 'id'])('by %s: nobody ever gets the response of another', (how) => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 60, size: 'max' }),
        fc.integer({ min: 1, max: 4 }),
        (list, max) => {
          vi.clearAllTimers()
          const responses = new Subject<string>()
          const unanswered: string[] = []
          const channel = new RequestChannel<string, string>({
            responses,
            send: (request) => void unanswered.push(request),
            match: how === 'id' ? { requestId: (r) => r, responseId: (r) => r } : undefined,
            maxOutstanding: max,
            timeoutMs: 100,
          })
          const seen: { id: string; now: string; leave(): void }[] = []
          for (const one of list) {
            if (one.do === 'ask') {
              const entry = { id: `${seen.length}`, now: 'pending', leave: () => {} }
              seen.push(entry)
              const subscription = channel.request(entry.id).subscribe({
                next: (response) => {
                  expect(entry.now).toBe('pending')
                  entry.now = response
                },
                error: (error) => {
                  expect(entry.now).toBe('pending')
                  entry.now = error.code
                },
              })
              entry.leave = () => {
                subscription.unsubscribe()
                if (entry.now === 'pending') entry.now = 'left'
              }
            } else if (one.do === 'respond') {
              // By id, in any order.
              const next = how === 'id' ? unanswered.pop() : unanswered.shift()
              if (next !== undefined) responses.next(next)
            } else if (one.do === 'leave') seen[one.which % (seen.length || 1)]?.leave()
            else vi.advanceTimersByTime(one.ms)
            expect(channel.outstanding).toBeLessThanOrEqual(max)
          }
          for (let next = unanswered.shift(); next !== undefined; next = unanswered.shift()) {
            responses.next(next)
          }
          for (const { id, now } of seen) expect([id, 'left', 'ERR_REQUEST_TIMEOUT']).toContain(now)
          expect([channel.ended, channel.outstanding, channel.queued]).toEqual([false, 0, 0])
          expect(vi.getTimerCount()).toBe(0)
          channel.close()
        },
      ),
      { numRuns: 300 },
    )
  })
})
