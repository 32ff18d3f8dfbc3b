/** Requests and responses on one connection, paired by order or by an id. */
import { AsyncSubject, Observable, Subject, type Subscription } from 'rxjs'
import { onAbort } from './abort.js'
import { checkCount, checkDuration, checkNames, checkSignal } from './options.js'
import { RequestEntry, RequestQueue } from './request-entry.js'
import { RequestError, type RequestErrorCode } from './request-error.js'
import type { RequestChannelOptions, RequestOptions } from './request-options.js'
import { type Pairing, pairById, pairByOrder } from './request-pairing.js'
import { responseTimer } from './response-timer.js'
import { guarded } from './uncaught.js'

const CHANNEL_NAMES = [
  ...['responses', 'send', 'match', 'isPush'],
  ...['timeoutMs', 'maxOutstanding', 'maxQueued'],
]

/**
 * Sends requests in order and gives each its response.
 *
 * Paired by order, a request that timed out or was given up keeps its place until its response comes, which is swallowed;
 * if that never comes, those behind it time out too: the peer, or the connection, is stuck. Paired by id, it makes
 * room at once, and a late response to it is dropped; its id can't be used again until then, or until
 * `maxOutstanding` more were given up.
 *
 * Whoever has the connection closes it; that ends the channel. Reading goes on while the channel lives, which keeps the
 * process alive.
 *
 * @example
 * ```ts
 * import { encodeLine, lines, RequestChannel } from '@pollout/framing'
 * import { firstValueFrom, type Observable } from 'rxjs'
 *
 * declare const connection: {
 *   received: Observable<Buffer>
 *   send(data: Uint8Array): Promise<void>
 * }
 * const channel = new RequestChannel({
 *   responses: connection.received.pipe(lines({ maxBytes: 1_000 })),
 *   send: (command: string) => connection.send(encodeLine(command, { delimiter: '\r\n' })),
 *   timeoutMs: 1_000,
 * })
 * const [hello, version] = await Promise.all([
 *   firstValueFrom(channel.request('HELLO')),
 *   firstValueFrom(channel.request('VERSION')),
 * ])
 * ```
 */
export class RequestChannel<Q, R> implements Disposable {
  readonly #options: RequestChannelOptions<Q, R>
  readonly #timeoutMs: number
  readonly #maxOutstanding: number
  readonly #maxQueued: number
  readonly #waiting = new RequestQueue<Q, R>()
  /** Of those in `#waiting`, how many still want to be sent. */
  #queued = 0
  readonly #pairing: Pairing<Q, R>
  readonly #pushes = new Subject<R>()
  readonly #reason = new AsyncSubject<RequestError>()
  #responses: Subscription | undefined
  #sending = false
  #discarded = 0
  #lastResponseAt = Number.NEGATIVE_INFINITY
  /** Why it has ended, as what each request is told. */
  #ended: ((sent: boolean) => RequestError) | undefined

  constructor(options: RequestChannelOptions<Q, R>) {
    checkNames(options, CHANNEL_NAMES)
    this.#options = options
    this.#timeoutMs = checkDuration('timeoutMs', options.timeoutMs ?? 30_000)
    this.#maxOutstanding = checkCount('maxOutstanding', options.maxOutstanding ?? 1_024)
    this.#maxQueued = checkCount('maxQueued', options.maxQueued ?? 16_384)
    const { match } = options
    this.#pairing = match ? pairById(match, this.#maxOutstanding) : pairByOrder()
    const subscription = options.responses.subscribe({
      next: (response) => this.#receive(response),
      error: (cause) => this.#end('ERR_CHANNEL_ENDED', 'the responses failed', cause),
      complete: () => this.#end('ERR_CHANNEL_ENDED', 'the responses ended'),
    })
    this.#responses = subscription
    if (this.#ended) subscription.unsubscribe()
  }

  /** What the peer sent of its own accord, as it comes, for all that subscribe; completes when the channel ends. */
  get pushes(): Observable<R> {
    return this.#pushes.asObservable()
  }

  /** Requests that are sent and take up room: waited for or, paired by order, given up and not answered yet. */
  get outstanding(): number {
    return this.#pairing.size
  }

  /** Requests that wait to be sent. */
  get queued(): number {
    return this.#queued
  }

  /** Responses that came for nobody: late ones and, paired by id, those that nobody asked for. */
  get discarded(): number {
    return this.#discarded
  }

  /** It can't be used any more. */
  get ended(): boolean {
    return this.#ended !== undefined
  }

  /**
   * Why it has ended, as soon as it has, and again for those who subscribe later: the error that a request gets from then
   * on, with what the responses or `send` failed with as its `cause`. Completes behind it.
   */
  get ended$(): Observable<RequestError> {
    return this.#reason.asObservable()
  }

  /**
   * Sends `request` on subscription, each time, and emits its response. Unsubscribing takes it back where it is not sent
   * yet; else its response will be swallowed. Errors with {@link RequestError}, or with what `send` threw.
   */
  request(request: Q, options?: RequestOptions): Observable<R> {
    if (options) checkNames(options, ['timeoutMs', 'signal'])
    const timeoutMs = checkDuration('timeoutMs', options?.timeoutMs ?? this.#timeoutMs)
    const signal = checkSignal(options?.signal)
    return new Observable((subscriber) => {
      if (this.#ended) return subscriber.error(this.#ended(false))
      if (signal?.aborted) return subscriber.error(aborted(signal, false))
      if (this.#queued >= this.#maxQueued) {
        const message = `${this.#queued} others wait to be sent`
        return subscriber.error(new RequestError('ERR_REQUEST_QUEUE_FULL', message, false))
      }
      const entry = new RequestEntry<Q, R>(request, subscriber)
      this.#watch(entry, timeoutMs, signal)
      this.#waiting.push(entry)
      this.#queued++
      this.#send()
      return () => this.#leave(entry)
    })
  }

  /** Fails all requests and lets go of the responses; closes no connection. Idempotent. */
  close(): void {
    this.#end('ERR_CHANNEL_ENDED', 'the channel was closed')
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #watch(entry: RequestEntry<Q, R>, timeoutMs: number, signal: AbortSignal | undefined): void {
    const onTimeout = (): void => {
      const sent = entry.state === 'sent'
      const message = `${sent ? 'no response' : 'not even sent'} within ${timeoutMs} ms`
      this.#leave(entry, new RequestError('ERR_REQUEST_TIMEOUT', message, sent))
    }
    const stopTimer = responseTimer(timeoutMs, onTimeout, () => this.#lastResponseAt)
    const stopWatching = onAbort(signal, () =>
      this.#leave(entry, aborted(signal, entry.state === 'sent')),
    )
    entry.whenDone(() => {
      stopTimer()
      stopWatching()
    })
  }

  /** Sends what waits, as long as there is room. */
  #send(): void {
    // Not within a call of send(): the order of the bytes would be anybody's guess.
    if (this.#sending) return
    this.#sending = true
    while (!this.#ended && this.#pairing.size < this.#maxOutstanding) {
      const entry = this.#waiting.take()
      if (entry === undefined) break
      if (entry.state === 'done') continue
      this.#queued--
      this.#sendOne(entry)
    }
    this.#sending = false
  }

  #sendOne(entry: RequestEntry<Q, R>): void {
    try {
      if (!this.#pairing.add(entry)) {
        const message = 'a request of the same id has not been answered'
        return entry.fail(new RequestError('ERR_REQUEST_ID_IN_USE', message, false))
      }
    } catch (error) {
      return entry.fail(error)
    }
    entry.state = 'sent'
    try {
      const sending = this.#options.send(entry.request)
      if (isThenable(sending)) {
        const failed = (cause: unknown) => this.#end('ERR_CHANNEL_ENDED', 'sending failed', cause)
        sending.then(undefined, failed)
      }
    } catch (error) {
      this.#pairing.takeBack(entry)
      entry.fail(error)
    }
  }

  #receive(response: R): void {
    if (this.#ended) return
    this.#lastResponseAt = performance.now()
    let entry: RequestEntry<Q, R> | 'push' | undefined
    try {
      entry = this.#options.isPush?.(response) ? 'push' : this.#pairing.find(response)
    } catch (cause) {
      return this.#end('ERR_CHANNEL_ENDED', 'a response could not be read', cause)
    }
    if (entry === 'push') return this.#pushes.next(response)
    if (entry?.state !== 'sent') this.#discarded++
    if (entry === undefined && !this.#pairing.toleratesStrangers) {
      return this.#end('ERR_RESPONSE_UNEXPECTED', 'a response came that nobody asked for')
    }
    if (entry?.state === 'sent') entry.answer(response)
    this.#send()
  }

  /** Takes the entry off the books, and has it told where there is an error. Harmless where it is done. */
  #leave(entry: RequestEntry<Q, R>, error?: RequestError): void {
    if (entry.state === 'done') return
    if (entry.state === 'sent') this.#pairing.abandon(entry)
    else this.#queued--
    if (error) entry.fail(error)
    else entry.leave()
    // Those that left are let go of when they are more than the others, so that the cost of it is constant for each.
    if (this.#waiting.size > 2 * this.#queued + 16) this.#waiting.dropDone()
    this.#send()
  }

  #end(code: RequestErrorCode, message: string, cause?: unknown): void {
    if (this.#ended) return
    this.#ended = (sent) => new RequestError(code, message, sent, cause)
    this.#responses?.unsubscribe()
    const left = [...this.#pairing.clear(), ...this.#waiting.takeAll()]
    this.#queued = 0
    for (const entry of left) entry.fail(this.#ended(entry.state === 'sent'))
    const reason = this.#ended(false)
    guarded(() => this.#pushes.complete())
    guarded(() => {
      this.#reason.next(reason)
      this.#reason.complete()
    })
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}

function aborted(signal: AbortSignal | undefined, sent: boolean): RequestError {
  return new RequestError('ABORT_ERR', 'aborted by its signal', sent, signal?.reason)
}
