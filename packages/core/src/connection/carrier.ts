/** A connection as its faces for Node know it. */
import type { Link } from '../link/link.js'
import type { TlsInfo } from '../tls/tls-info.js'
import type { Ends } from './connect-progress.js'

/** What a Duplex needs of its connection. */
export interface Carrier extends Ends {
  readonly link: Link
  readonly closed: boolean
  readonly truncated: boolean
  readonly tls: TlsInfo | undefined
  reset(): void
}
