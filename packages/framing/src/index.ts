/** Everything public of `@pollout/framing`. */
export { ByteQueue } from './byte-queue.js'
export { delimited, delimitedParser, encodeDelimited } from './delimited.js'
export { encodeFixedSize, fixedSize, fixedSizeParser } from './fixed-size.js'
export { FrameError, type FrameErrorCode } from './frame-error.js'
export { type FrameDecoder, FrameParser } from './frame-parser.js'
export { frames, readFrames } from './frames.js'
export {
  encodeLengthPrefixed,
  type LengthPrefixedOptions,
  lengthPrefixed,
  lengthPrefixedParser,
} from './length-prefixed.js'
export { encodeLine, type LineEncoding, type LineOptions, lineParser, lines } from './lines.js'
export type { FrameLimits } from './options.js'
export { RequestChannel } from './request-channel.js'
export { RequestError, type RequestErrorCode } from './request-error.js'
export type { RequestChannelOptions, RequestOptions } from './request-options.js'
