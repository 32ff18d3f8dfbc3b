/** Which names a short one may stand for: `search`, `domain` and `ndots` of resolv.conf(5). */
import { hostname } from 'node:os'
import { SystemFile, wordsOf } from './system-file.js'

interface Search {
  readonly domains: readonly string[]
  /** A name with so many dots is tried as it is first. */
  readonly ndots: number
}

const file = new SystemFile('/etc/resolv.conf', parse)

/** What to ask for, in this order, until one has an address; `name` is canonical. */
export function candidates(
  name: string,
  { domains, ndots }: Search = file.value,
): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)]
  const longer = domains.map((domain) => `${name}.${domain}`)
  const dots = name.split('.').length - 1
  return dots >= ndots ? [name, ...longer] : [...longer, name]
}

export function parse(text: string): Search {
  const { LOCALDOMAIN, RES_OPTIONS = '' } = process.env
  // Without a word about it: what comes behind the first dot of this machine's own name.
  let domains = [hostname().split('.').slice(1).join('.')]
  let options: string[] = []
  for (const [word, ...values] of wordsOf(text, /^\s*[#;].*/)) {
    if (word === 'search') domains = values
    else if (word === 'domain') domains = values.slice(0, 1)
    else if (word === 'options') options = [...options, ...values]
  }
  if (LOCALDOMAIN !== undefined) domains = LOCALDOMAIN.split(/\s+/)
  options = [...options, ...RES_OPTIONS.split(/\s+/)]
  const ndots = options.findLast((option) => /^ndots:\d+$/.test(option))?.slice('ndots:'.length)
  return {
    domains: domains.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== ''),
    ndots: Math.min(Number(ndots ?? 1), 15),
  }
}
