import { mustReadText } from '@longhaul/files';
import { AppError } from '@longhaul/kernel';
import { z } from 'zod';
import type { StoreConfig } from './config.js';
import type { TenantLimits, TenantTable } from './core/store-options.js';

/** Some 100 bytes a tenant. */
const MAX_BYTES = 4 * 2 ** 20;
const OPTION = '--tenant-quotas';

const bytes = z.number().int().nonnegative();
const fileSchema = z.record(
  z.string().min(1),
  z.strictObject({
    ramBytes: bytes.optional(),
    diskBytes: bytes.optional(),
    objectBytes: bytes.optional(),
    hardPinnedBytes: bytes.optional(),
  }),
);

/** Quotas of all tenants. What the file leaves out for a tenant is as for everybody. @throws AppError `CONFIG_INVALID`. */
export function readTenantQuotas(config: StoreConfig): TenantTable {
  const all: TenantLimits = {
    ramBytes: config.tenantRamBytes ?? Infinity,
    diskBytes: config.tenantDiskBytes ?? Infinity,
    objectBytes: config.tenantObjectBytes ?? Infinity,
    hardPinnedBytes: config.tenantPinnedBytes ?? Infinity,
  };
  if (config.tenantQuotas === undefined) return { default: all, byTenant: new Map() };
  const named = Object.entries(readQuotaFile(config.tenantQuotas)).map(([tenant, own]) => {
    const set = Object.entries(own).filter(([, value]) => value !== undefined);
    return [tenant, { ...all, ...(Object.fromEntries(set) as Partial<TenantLimits>) }] as const;
  });
  return { default: all, byTenant: new Map(named) };
}

function readQuotaFile(path: string): z.output<typeof fileSchema> {
  const text = mustReadText({ path, maxBytes: MAX_BYTES, option: OPTION });
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'CONFIG_INVALID',
      message: `${OPTION}: ${path} is no JSON file of quotas by tenant.`,
      cause,
    });
  }
}
