/** A channel of requests with a peer that answers when it is told to. */
import { RequestChannel, type RequestChannelOptions, RequestError } from '@pollout/framing'
import { Subject, type Subscription } from 'rxjs'
import { expect, onTestFinished, vi } from 'vitest'

/** What became of one request, as one word: `pending`, its response, or the error's code; `!` where it was sent. */
export interface Fate {
  now: string
  error?: unknown
  subscription: Subscription
}

/** A channel with a peer that answers when it is told to; looked over at the end of the test. */
export function stage(options: Partial<RequestChannelOptions<string, string>> = {}) {
  const responses = new Subject<string>()
  const sent: string[] = []
  const channel = new RequestChannel<string, string>({
    responses,
    send: (request) => void sent.push(request),
    ...options,
  })
  const ask = (request: string, requestOptions = {}): Fate => {
    const fate: Partial<Fate> & { now: string } = { now: 'pending' }
    fate.subscription = channel.request(request, requestOptions).subscribe({
      next: (response) => {
        fate.now = response
      },
      error: (error) => {
        fate.error = error
        fate.now = error instanceof RequestError ? `${error.code}${error.sent ? '!' : ''}` : 'error'
      },
    })
    return fate as Fate
  }
  const pushed: string[] = []
  channel.pushes.subscribe({ next: (push) => pushed.push(push), complete: () => pushed.push('.') })
  onTestFinished(() => {
    channel.close()
    expect([channel.outstanding, channel.queued, vi.getTimerCount()]).toEqual([0, 0, 0])
    expect(responses.observed).toBe(false)
    expect(pushed.at(-1)).toBe('.')
  })
  return { responses, sent, channel, ask, pushed }
}

export const fates = (all: readonly Fate[]): string[] => all.map(({ now }) => now)
export const causeOf = (fate: Fate | undefined): unknown =>
  (fate?.error as Error | undefined)?.cause
export const byId = {
  requestId: (request: string) => request.split(' ')[0],
  responseId: (response: string) => (response.startsWith('*') ? undefined : response.split(' ')[0]),
}
