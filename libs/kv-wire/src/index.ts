export { asBuffer, asCount, asNumber, requireLength } from './bytes.js';
export {
  CAPABILITY_BYTES,
  CAPABILITY_HEADER,
  CAPABILITY_RIGHTS,
  capabilityErrors,
  capabilityKeyId,
  mintCapability,
  verifyCapability,
} from './capability.js';
export type { CapabilityClaims, CapabilityRight } from './capability.js';
export {
  getChunkChecksum,
  headChecksum,
  knownGetChunkChecksum,
  putChunkChecksum,
  verifyGetChunk,
  verifyHead,
  verifyPutChunk,
} from './chunk-checksum.js';
export type { GetPlace } from './chunk-checksum.js';
export { fromOutcome, fromQuality, fromTier, toOutcome, toQuality, toTier } from './enums.js';
export { fromEventBatch, toEventBatch } from './events.js';
export { frameErrors } from './frame-errors.js';
export { FrameParser } from './frame-parser.js';
export type { FrameParserOptions } from './frame-parser.js';
export { FrameSocket } from './frame-socket.js';
export type { FrameSocketOptions } from './frame-socket.js';
export { FRAME_HEADER_BYTES, FRAME_SLACK_BYTES, FrameKind, frameStart } from './frame.js';
export type { Frame, FrameParts } from './frame.js';
export type { MessageLink } from './message-link.js';
export { decodeFailure, encodeFailure } from './operation-failure.js';
export { decodeGet, decodePut, encodeGet, encodePut, joined } from './payload-codec.js';
export type { EncodedMessage } from './payload-codec.js';
export {
  fromEvictResponse,
  fromHandshakeResponse,
  fromMatch,
  fromStat,
  toEvictResponse,
  toHandshakeResponse,
  toMatch,
  toStat,
} from './replies.js';
export {
  fromEvict,
  fromGetOpen,
  fromHandshakeRequest,
  fromKeys,
  fromLookup,
  fromNamespace,
  fromPin,
  fromPutBegin,
  fromWatch,
  MAX_TENANT_BYTES,
  toEvict,
  toGetOpen,
  toHandshakeRequest,
  toKeys,
  toLookup,
  toNamespace,
  toPin,
  toPutBegin,
  toWatch,
} from './requests.js';
export type { GetFlow } from './requests.js';
export { KV_STORE_DEFINITION, KV_STORE_SERVICE } from './service-definition.js';
