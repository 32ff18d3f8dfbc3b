/** Nodemailer over a reactor, by the `getSocket` of its SMTP transports. */
import type { IncomingMessage } from 'node:http'
import { type Dialer, type DialOptions, dial } from './dial.js'

export type { Dialer, DialOptions } from './dial.js'

/**
 * Of a transport's options.
 *
 * @example
 * ```ts
 * import type { SmtpPlace } from '@pollout/adapters/nodemailer'
 *
 * const submission: SmtpPlace = { host: 'mail.example.net', port: 587 }
 * ```
 */
export interface SmtpPlace {
  readonly host?: string | undefined
  readonly port?: number | string | undefined
  readonly secure?: boolean | undefined
}

interface SocketOptions {
  readonly connection: IncomingMessage['socket']
}

type Answer = (error: Error | null, socketOptions: SocketOptions) => void

/**
 * Connects to the transport's own `host` and `port`; its `secure` and STARTTLS work as ever. `connectionTimeout` has no
 * say, but `timeoutMs` has.
 *
 * @example
 * ```ts
 * import { smtpSocket } from '@pollout/adapters/nodemailer'
 * import { createTransport } from 'nodemailer'
 * import { createReactor } from 'pollout'
 *
 * const getSocket = smtpSocket(createReactor())
 * const transport = createTransport({ host: '127.0.0.1', port: 2525, getSocket })
 * ```
 */
export function smtpSocket(reactor: Dialer, dialOptions: DialOptions = {}) {
  return ({ host, port, secure }: SmtpPlace, answer: Answer): void => {
    const duplex = dial(reactor, { host, port: port || (secure ? 465 : 587) }, dialOptions)
    // It has of a net.Socket what Nodemailer touches.
    const connection = duplex as unknown as SocketOptions['connection']
    const failed = (error: Error): void => answer(error, { connection })
    duplex.once('error', failed).once('connect', () => {
      duplex.off('error', failed)
      answer(null, { connection })
    })
  }
}
