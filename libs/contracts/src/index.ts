import { fileDescriptorSetBase64 } from './generated/descriptors.js';

export * as inferenceV1 from './generated/longhaul/inference/v1/inference.js';
export * as kvstoreEventsV1 from './generated/longhaul/kvstore/v1/events.js';
export * as kvstoreV1 from './generated/longhaul/kvstore/v1/kvstore.js';
export * as workerV1 from './generated/longhaul/worker/v1/worker.js';

/** The serialized `google.protobuf.FileDescriptorSet` of every contract, for the gRPC reflection service. */
export function fileDescriptorSet(): Uint8Array {
  return Buffer.from(fileDescriptorSetBase64.join(''), 'base64');
}
