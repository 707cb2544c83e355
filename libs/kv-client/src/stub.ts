import { makeGenericClientConstructor, Metadata } from '@grpc/grpc-js';
import type { kvstoreV1 } from '@longhaul/contracts';
import { asBuffer, CAPABILITY_HEADER, KV_STORE_DEFINITION, KV_STORE_SERVICE } from '@longhaul/kv-wire';
import { clientCredentials, type ClientCallOptions } from '@longhaul/platform-grpc';
import type { CallScope } from '@longhaul/kv-transfer';
import type { CompleteOptions } from './options.js';

/** The generated client with the serializers that do not copy, and what every call of ours carries. */
export interface Stub {
  readonly client: kvstoreV1.KvStoreServiceClient;
  headers(): Readonly<Record<string, string>>;
  callOptions(scope: CallScope): ClientCallOptions;
  /** True when the store says that it serves. */
  probe(): Promise<boolean>;
}

/** Wide enough that one connection is not held up by its window on a fast network. */
const FLOW_CONTROL_BYTES = 8 * 2 ** 20;
const PROBE_DEADLINE_MS = 1_000;
const HEALTH_METHOD = '/grpc.health.v1.Health/Check';
/** `HealthCheckResponse{status: SERVING}`. */
const SERVING = Buffer.from([0x08, 0x01]);

export function createStub(options: CompleteOptions): Stub {
  const Constructor = makeGenericClientConstructor(KV_STORE_DEFINITION, KV_STORE_SERVICE);
  const maxMessageBytes = options.limits.maxFrameBytes + 2 ** 20;
  const raw = new Constructor(options.address, clientCredentials(options.tls), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc-node.flow_control_window': FLOW_CONTROL_BYTES,
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 5_000,
  });
  const client = raw as unknown as kvstoreV1.KvStoreServiceClient;
  const headers = (): Record<string, string> => {
    const token = options.capability?.();
    return token ? { [CAPABILITY_HEADER]: asBuffer(token).toString('base64url') } : {};
  };
  return {
    client,
    headers,
    callOptions: ({ signal, leftMs }) => ({ signal, timeoutMs: leftMs(), headers: headers() }),
    probe: () =>
      new Promise((resolve) => {
        const same = (bytes: Buffer) => bytes;
        const call = { deadline: Date.now() + PROBE_DEADLINE_MS };
        client.makeUnaryRequest(HEALTH_METHOD, same, same, Buffer.alloc(0), new Metadata(), call, (error, answer) =>
          resolve(!error && answer !== undefined && SERVING.equals(answer)),
        );
      }),
  };
}
