import { openDuplex } from '@longhaul/platform-grpc';
import type { BulkTransport } from '@longhaul/kv-transfer';
import type { Stub } from './stub.js';

/** Puts and gets as bidirectional gRPC calls. */
export function createGrpcTransport(stub: Stub): BulkTransport {
  const { client } = stub;
  return {
    openPut: async (scope) => openDuplex((metadata, options) => client.put(metadata, options), stub.callOptions(scope)),
    openGet: async (scope) => openDuplex((metadata, options) => client.get(metadata, options), stub.callOptions(scope)),
    close: () => undefined,
  };
}
