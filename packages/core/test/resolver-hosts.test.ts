/** hostsResolver(): names by hand, before another resolver or alone. */
import { dnsResolver, hostsResolver, type Resolver } from '@pollout/core'
import { describe, expect, it } from 'vitest'

const HOSTS = { 'db.test': ['192.0.2.1', '2001:db8::1'], 'Bücher.test': '192.0.2.2' }

describe('hostsResolver()', () => {
  it('knows its names, in any case and in punycode', async () => {
    const resolver = hostsResolver(HOSTS)
    expect(await resolver.resolve('DB.test')).toEqual(['192.0.2.1', '2001:db8::1'])
    expect(await resolver.resolve('xn--bcher-kva.test')).toEqual(['192.0.2.2'])
  })

  it.each(['other.test', 'x.db.test', 'constructor', '__proto__'])(
    'without a fallback %s has no address',
    async (name) => {
      await expect(hostsResolver(HOSTS).resolve(name)).rejects.toMatchObject({ code: 'ENOTFOUND' })
    },
  )

  it('asks the fallback for the others, and for nothing else', async () => {
    const asked: string[] = []
    const fallback: Resolver = {
      resolve: async (host) => {
        asked.push(host)
        return ['192.0.2.9']
      },
    }
    const resolver = hostsResolver(HOSTS, fallback)
    expect(await resolver.resolve('other.test')).toEqual(['192.0.2.9'])
    await resolver.resolve('db.test')
    expect(asked).toEqual(['other.test'])
    expect(resolver.resolveFamily).toBeUndefined()
  })

  it('answers by family where the fallback does', async () => {
    const resolver = hostsResolver(HOSTS, dnsResolver())
    expect(await resolver.resolveFamily?.('db.test', 'inet6')).toEqual(['2001:db8::1'])
    expect(await resolver.resolveFamily?.('db.test', 'inet')).toEqual(['192.0.2.1'])
    expect(await resolver.resolveFamily?.('localhost', 'inet')).toEqual([{ address: '127.0.0.1' }])
  })

  it.each([['127.1'], ['name.test'], [[]], [['192.0.2.1', 7]], [undefined]])(
    'addresses that are %j are refused at once',
    (addresses) => {
      expect(() => hostsResolver({ 'db.test': addresses as string })).toThrow(TypeError)
    },
  )
})
