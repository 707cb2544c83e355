import type { CallGate } from '@longhaul/platform-grpc';
import { reportEnd, type EventLog } from '@longhaul/platform-otel';
import type { Arrivals } from '../../core/arrivals.js';
import type { TenantDirectory } from '../../core/tenants/tenant.js';
import { clientOf } from '../http/client-address.js';
import { authenticate } from '../tenants/authenticate.js';

export interface GateOptions {
  bodyTimeoutMs: number;
}

/** What every gRPC call passes: the key, bounds on messages that are arriving, one counter and one log line. */
export function createGate(
  options: GateOptions,
  { arrivals, tenants }: { arrivals: Arrivals; tenants: TenantDirectory },
  log: EventLog,
): CallGate {
  return {
    authorize: (headers) => void authenticate(tenants, headers['authorization']),
    ended: (end) => reportEnd(log, { api: 'grpc', ...end }),
    messageTimeoutMs: options.bodyTimeoutMs,
    arriving(peer, displace) {
      return arrivals.enter(clientOf(peer.replace(/:\d+$/, '')), displace);
    },
  };
}
