import { kvstoreV1 } from '@longhaul/contracts';
import { decodeGet, decodePut, encodeGet, encodePut, joined } from './payload-codec.js';

const { put, get, ...others } = kvstoreV1.KvStoreServiceService;

/** The generated service with serializers that copy a payload once at most. The bytes on the wire are the same. */
export const KV_STORE_DEFINITION: typeof kvstoreV1.KvStoreServiceService = {
  ...others,
  put: {
    ...put,
    requestSerialize: (message: kvstoreV1.PutRequest) => joined(encodePut(message)),
    requestDeserialize: (bytes: Buffer) => decodePut(bytes),
  },
  get: {
    ...get,
    responseSerialize: (message: kvstoreV1.GetResponse) => joined(encodeGet(message)),
    responseDeserialize: (bytes: Buffer) => decodeGet(bytes),
  },
};

/** As health and reflection spell it. */
export const KV_STORE_SERVICE = 'longhaul.kvstore.v1.KvStoreService';
