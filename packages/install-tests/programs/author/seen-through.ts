/** A backend of somebody else, written with what `@pollout/core` brings: another one, that is seen through. */
import { netBackend } from '@pollout/backend-net'
import type { Backend, BackendFactory } from '@pollout/core'

export function seenThrough(): BackendFactory {
  return (sink): Backend =>
    new Proxy(netBackend()(sink), {
      get(below, name) {
        const value: unknown = Reflect.get(below, name)
        return typeof value === 'function' ? value.bind(below) : value
      },
    })
}
