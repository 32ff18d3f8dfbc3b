/** For the tests of what is done to a socket before it connects. */
import { type ConnectOptions, errno } from '@pollout/core'
import type { ConnectError } from '../src/errors/connect-error.js'
import { record, type Stage, stage } from './harness.js'

export const URI = 'tcp://192.0.2.1:80'
export const PLACES = {
  four: '192.0.2.7',
  other: '192.0.2.8',
  third: '192.0.2.9',
  six: '2001:db8::7',
} as const

/** The error that connect() ends with before anything is ready. */
export function failing(set: Stage, options: ConnectOptions, uri = URI): ConnectError {
  const connecting = record(set.reactor.connect(uri, options))
  set.clock.settle()
  return connecting.ended as ConnectError
}

/** What was done before connect(), call by call. */
export function watched(): Stage & { readonly calls: string[] } {
  const calls: string[] = []
  const set = stage()
  const { answers } = set.script
  answers.setOption = (_, name, value) => calls.push(`${name}=${String(value)}`)
  answers.setRawOption = (_, level, option, value) => calls.push(`${level}:${option}=${value}`)
  answers.bind = (_, at) => calls.push(`bind ${'address' in at ? `${at.address}:${at.port}` : ''}`)
  answers.connect = () => {
    calls.push('connect')
    return -errno.EINPROGRESS
  }
  return { ...set, calls }
}
