/** A question to DNS servers that got no answer to go by: who was asked, for what, and what came. */
import { knowAcrossCopies } from '../base/across-copies.js'

/** What became of the question, by c-ares' codes: ares_strerror(3). Others say nothing about servers. */
const CAME: Readonly<Record<string, string>> = {
  // Of all that can go wrong with a socket, also where there is no way to the server.
  ECONNREFUSED: 'could not be reached',
  ETIMEOUT: 'did not answer',
  EOF: 'broke off the answer',
  ESERVFAIL: 'failed at it (SERVFAIL)',
  EREFUSED: 'refused to answer (REFUSED)',
  ENOTIMP: 'said that it can not do that (NOTIMP)',
  EFORMERR: 'did not understand it (FORMERR)',
  EBADRESP: 'gave an answer that is none',
}

export class DnsFailure extends Error {
  readonly code: string
  readonly syscall: string
  readonly hostname: string

  constructor(why: string, { code, syscall, hostname }: CaresError, cause: unknown) {
    super(why, { cause })
    this.code = code
    this.syscall = syscall
    this.hostname = hostname
  }
}
// A resolver of one copy may be given to the reactor of another.
knowAcrossCopies(DnsFailure, 'DnsFailure')

interface CaresError {
  readonly code: string
  /** `queryA`, `queryAaaa`. */
  readonly syscall: string
  readonly hostname: string
}

/** An error of node:dns, with the servers where it is about them; as it is otherwise. */
export function dnsFailure(cause: unknown, servers: readonly string[]): unknown {
  const error = cause as CaresError
  const came = CAME[error.code]
  if (came === undefined) return cause
  const type = error.syscall.replace('query', '').toUpperCase()
  const why = `${serversText(servers)} ${came}, asked for ${type} of ${error.hostname}`
  return new DnsFailure(why, error, cause)
}

export function serversText(servers: readonly string[]): string {
  return `DNS server${servers.length === 1 ? '' : 's'} ${servers.join(', ')}`
}
