/** What `pollout load` is aimed at: an address, and what is said and heard there unless the options say otherwise. */
import {
  type Endpoint,
  InvalidEndpointError,
  type ResponseCheck,
  type ResponseFraming,
  tcp,
  tls,
  toEndpoint,
} from '@pollout/core'
import { messageOf, UsageError } from '../common/exit-codes.js'

export interface LoadTarget {
  readonly endpoint: Endpoint
  /** Of `http://` and `https://`: what goes into the request line, and into `Host`. */
  readonly http: { readonly path: string; readonly host: string } | undefined
  readonly response: ResponseFraming | undefined
  readonly check: ResponseCheck
  /** What is sent where nothing else is said. */
  readonly request: string | undefined
}

/** What is no failure to whoever asks a web server. */
const HTTP_CODES = [200, 399] as const
const REDIS_PORT = 6_379

export function parseLoadTarget(text: string): LoadTarget {
  const scheme = /^(https?|rediss?):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    return {
      endpoint: plainEndpoint(text),
      http: undefined,
      response: undefined,
      check: {},
      request: undefined,
    }
  }
  const url = parsedUrl(text)
  const isSecure = scheme === 'https' || scheme === 'rediss'
  const isHttp = scheme.startsWith('http')
  const usualPort = isHttp ? (isSecure ? 443 : 80) : REDIS_PORT
  const port = url.port === '' ? usualPort : Number(url.port)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const endpoint = isSecure ? tls(host, port) : tcp(host, port)
  if (isHttp) {
    const path = `${url.pathname}${url.search}`
    return {
      endpoint,
      http: { path, host: url.host },
      response: { kind: 'http1', head: false },
      check: { code: HTTP_CODES },
      request: undefined,
    }
  }
  const request = '*1\r\n$4\r\nPING\r\n'
  return { endpoint, http: undefined, response: { kind: 'resp' }, check: { code: [0, 0] }, request }
}

function parsedUrl(text: string): URL {
  try {
    return new URL(text)
  } catch {
    throw new UsageError(`${text} is no URL`)
  }
}

/** `host:port` is TCP. */
function plainEndpoint(text: string): Endpoint {
  try {
    return toEndpoint(/^[a-z]+:/i.test(text) && !/^[^:/]+:\d+$/.test(text) ? text : `tcp://${text}`)
  } catch (error) {
    if (!(error instanceof InvalidEndpointError)) throw error
    throw new UsageError(
      `${messageOf(error)}; write http://host/path, redis://host, tcp://host:port or unix:/path`,
    )
  }
}
