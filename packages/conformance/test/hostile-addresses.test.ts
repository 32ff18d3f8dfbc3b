/** Hostile spellings and ranges against the policy for what is public. */
import { publicInternetOnly, type SocketAddress } from '@pollout/core'
import { describe, expect, it } from 'vitest'
import { HOSTILE } from '../src/hostile-addresses.js'

const at = (address: string): SocketAddress => ({
  family: address.includes(':') ? 'inet6' : 'inet',
  address,
  port: 80,
})

describe('publicInternetOnly', () => {
  it('is tested with enough that is hostile', () => {
    expect(new Set(HOSTILE.map(([address]) => address)).size).toBeGreaterThanOrEqual(150)
  })

  it.each(HOSTILE)('denies %j by rule %s', (address, rule) => {
    for (const family of ['inet', 'inet6'] as const) {
      const verdict = publicInternetOnly.check({ family, address, port: 443 })
      expect(verdict.allowed).toBe(false)
      expect(verdict.reason).toMatch(/^[^\n\0]{10,200}$/)
    }
    expect(publicInternetOnly.check(at(address)).rule).toBe(rule)
  })
})
