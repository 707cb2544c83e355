import type { kvstoreV1 } from '@longhaul/contracts';
import type { MessageLink } from '@longhaul/kv-wire';
import type { CallScope } from './call-scope.js';

/** One put or get on its way. Exactly one of `end` and `cancel` is called, once. */
export interface BulkCall<In, Out> {
  readonly link: MessageLink<In, Out>;
  /** The operation is complete. */
  end(): void;
  /** The operation is given up. */
  cancel(): void;
}

export type PutCall = BulkCall<kvstoreV1.PutResponse, kvstoreV1.PutRequest>;
export type GetCall = BulkCall<kvstoreV1.GetResponse, kvstoreV1.GetRequest>;

/** What carries the bytes of puts and gets. The scope's end ends the call. */
export interface BulkTransport {
  openPut(scope: CallScope): Promise<PutCall>;
  openGet(scope: CallScope): Promise<GetCall>;
  close(): void;
}
