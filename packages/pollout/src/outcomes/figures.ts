/** Figures as text, in the same form everywhere: what is read by scripts does not depend on the user's locale. */

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** Less than one a second is a rate too. */
export function perSecond(rate: number): string {
  return rate.toLocaleString('en-US', { maximumSignificantDigits: rate < 1 ? 3 : 21 })
}

export function targets(count: number): string {
  return `${whole(count)} ${count === 1 ? 'target' : 'targets'}`
}

export function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 3 : 1)} ms`
}
