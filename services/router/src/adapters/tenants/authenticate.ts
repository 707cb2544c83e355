import { bearerKey, invalidApiKey } from '@longhaul/platform-grpc';
import type { Tenant, TenantDirectory } from '../../core/tenants/tenant.js';

/**
 * Whose request it is, over HTTP and gRPC alike.
 *
 * @param authorization the header as it came.
 * @throws AppError `INVALID_API_KEY` where the key is nobody's, or missing where one is needed.
 */
export function authenticate(directory: TenantDirectory, authorization: string | undefined): Tenant {
  const tenant = directory.of(bearerKey(authorization));
  if (tenant === null) throw invalidApiKey();
  return tenant;
}
