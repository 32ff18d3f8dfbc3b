/** One spelling for each host name, so that equal names are found equal. */
import { domainToASCII } from 'node:url'

/** In lower case, and in punycode where it has other letters (RFC 5891). A final dot stays: it means "no search list". */
export function canonicalHost(host: string): string {
  return domainToASCII(host) || host.toLowerCase()
}

/** `localhost` and what is below it: always this machine (RFC 6761 section 6.3). */
export function isLocalhost(canonical: string): boolean {
  const name = canonical.endsWith('.') ? canonical.slice(0, -1) : canonical
  return name === 'localhost' || name.endsWith('.localhost')
}
