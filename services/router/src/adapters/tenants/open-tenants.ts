import { randomBytes } from 'node:crypto';
import { readText } from '@longhaul/files';
import { configInvalid } from '@longhaul/platform-config';
import { keyDigest, keyDirectory, openDirectory } from '../../core/tenants/key-directory.js';
import { parseTenants, tenantsBounds } from '../../core/tenants/parse-tenants.js';
import { unlimited, type Tenant, type TenantDirectory } from '../../core/tenants/tenant.js';

export interface TenantsConfig {
  readonly apiKey?: string | undefined;
  /** Path of a tenants file. */
  readonly tenants?: string | undefined;
}

/** Who may ask, and the tenants that were named. */
export interface OpenTenants {
  readonly directory: TenantDirectory;
  /** Of the file, in its order; empty without one. */
  readonly tenants: readonly Tenant[];
}

const BLINDING_BYTES = 32;
const MAX_FAULTS = 20;
const ID_CHARACTERS = 16;

/**
 * The tenants that the configuration names: those of a file, the one of a single key, or everybody. The file is read
 * once.
 *
 * @throws AppError `CONFIG_INVALID` with every fault by its place, for both a key and a file, for what is no regular file,
 * and for more than 4 MiB.
 */
export function openTenants({ apiKey, tenants: path }: TenantsConfig): OpenTenants {
  if (apiKey !== undefined && path !== undefined) {
    throw configInvalid(["--api-key and --tenants: give one of them; the file takes the key's digest"]);
  }
  const blindingKey = randomBytes(BLINDING_BYTES);
  if (path !== undefined) {
    const { tenants, owners } = readTenants(path);
    return { directory: keyDirectory(owners, blindingKey), tenants };
  }
  if (apiKey === undefined) return { directory: openDirectory, tenants: [] };
  const digest = keyDigest(apiKey);
  const tenant = unlimited(Buffer.from(digest).toString('hex').slice(0, ID_CHARACTERS));
  return { directory: keyDirectory([{ digest, tenant }], blindingKey), tenants: [] };
}

function readTenants(path: string) {
  const parsed = parseTenants(textOf(path));
  if ('tenants' in parsed) return parsed;
  const more = parsed.length - MAX_FAULTS;
  const shown = parsed.slice(0, MAX_FAULTS).map((fault) => `--tenants: ${fault}`);
  throw configInvalid(more > 0 ? [...shown, `--tenants: and ${more} more`] : shown);
}

function textOf(path: string): string {
  const read = readText(path, tenantsBounds.bytes);
  if (read.kind === 'read') return read.text;
  throw configInvalid([`--tenants: ${read.problem}`]);
}
