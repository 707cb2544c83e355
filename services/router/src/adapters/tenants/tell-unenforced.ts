import type { EventLog } from '@longhaul/platform-otel';
import type { Tenant } from '../../core/tenants/tenant.js';

const MAX_NAMED = 20;

/** Says once, at the start, which bounds of tenants are configured and do nothing yet. Silent where there are none. */
export function tellUnenforced(tenants: readonly Tenant[], log: EventLog): void {
  const bounded = tenants.filter((tenant) => boundsOf(tenant).length > 0);
  if (bounded.length === 0) return;
  const named = bounded.slice(0, MAX_NAMED).map(({ id }) => id);
  log.warning('tenant-limits-not-enforced', {
    tenants:
      bounded.length > MAX_NAMED ? `${named.join(', ')} and ${bounded.length - MAX_NAMED} more` : named.join(', '),
    limits: [...new Set(bounded.flatMap(boundsOf))].join(', '),
    message: 'These limits of --tenants are configured and checked, and not enforced yet.',
  });
}

function boundsOf({ limits, weight }: Tenant): string[] {
  const set: readonly (readonly [string, boolean])[] = [
    ['requests_per_minute', limits.requestsPerMinute !== undefined],
    ['tokens_per_minute', limits.tokensPerMinute !== undefined],
    ['concurrent_requests', limits.concurrentRequests !== undefined],
    ['kv_bytes', limits.kvBytes !== undefined],
    ['weight', weight !== 1],
  ];
  return set.filter(([, given]) => given).map(([name]) => name);
}
