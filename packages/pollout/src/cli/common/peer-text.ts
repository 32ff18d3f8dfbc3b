/** What a peer has sent as JSON has it: as text, and its bytes where text can't tell them. */
import { isUtf8 } from 'node:buffer'

export interface PeerText {
  /** As UTF-8; what is none is replaced. */
  readonly text: string
  /** The bytes, where they are no UTF-8. */
  readonly base64: string | undefined
}

export function peerText(bytes: Buffer): PeerText {
  return { text: bytes.toString(), base64: isUtf8(bytes) ? undefined : bytes.toString('base64') }
}
