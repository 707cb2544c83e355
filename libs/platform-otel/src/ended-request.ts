import type { EventLog } from './event-log.js';
import { count } from './instruments.js';

/** How one request or call ended. */
export interface EndedRequest {
  api: 'http' | 'grpc';
  /** HTTP method and route, or full name of the gRPC method; `unmatched` where nothing is there. Never a path as it came. */
  method: string;
  /** HTTP status, or name of the gRPC status. */
  status: string;
  /** `OK`, or the stable reason of the error. */
  reason: string;
  durationMs: number;
  requestId: string | undefined;
  /** Whose request it was, where that is known. */
  tenant?: string | undefined;
  stream?: boolean | undefined;
  /** Runs an action where the request's trace is the current one. */
  inTrace: (action: () => void) => void;
}

/** Requests that come all the time while all is well: probes and scrapes. */
const ROUTINE = /^((GET|HEAD) \/(health|ready|readiness|live|liveness|metrics|version)$|grpc\.health\.v1\.Health\/)/;

/** One counter and one log line for each request that ends; routine ones that went well are told at debug level. */
export function reportEnd(log: EventLog, ended: EndedRequest): void {
  const { api, method, status, reason, requestId, tenant, durationMs, stream, inTrace } = ended;
  count('apiRequests', 1, { api, method, status, reason });
  const fields = { requestId, tenant, api, method, status, outcome: reason, durationMs, stream };
  const routine = reason === 'OK' && ROUTINE.test(method);
  inTrace(() => (routine ? log.detail('request-finished', fields) : log.info('request-finished', fields)));
}
