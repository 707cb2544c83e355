import { randomBytes } from 'node:crypto';
import { readText } from '@longhaul/files';
import { configInvalid } from '@longhaul/platform-config';
import { attentionRules, type AttentionConfig } from '../../config.js';
import { faultsOfTenants, type AttentionRules } from '../../core/attention/attention-rules.js';
import { keyDigest, keyDirectory, openDirectory } from '../../core/tenants/key-directory.js';
import { parseTenants, tenantsBounds, type ParsedTenants } from '../../core/tenants/parse-tenants.js';
import { unlimited, type Tenant, type TenantDirectory } from '../../core/tenants/tenant.js';

export interface TenantsConfig extends AttentionConfig {
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
 * for more than 4 MiB, and for tenants whose policies do not fit what the server allows.
 */
export function openTenants(config: TenantsConfig): OpenTenants {
  const { apiKey, tenants: path } = config;
  const attention = attentionRules(config);
  if (apiKey !== undefined && path !== undefined) {
    throw configInvalid(["--api-key and --tenants: give one of them; the file takes the key's digest"]);
  }
  const blindingKey = randomBytes(BLINDING_BYTES);
  if (path !== undefined) {
    const { tenants, owners } = readTenants(path, attention);
    return { directory: keyDirectory(owners, blindingKey), tenants };
  }
  if (apiKey === undefined) return { directory: openDirectory, tenants: [] };
  const digest = keyDigest(apiKey);
  const tenant = unlimited(Buffer.from(digest).toString('hex').slice(0, ID_CHARACTERS));
  return { directory: keyDirectory([{ digest, tenant }], blindingKey), tenants: [] };
}

function readTenants(path: string, attention: AttentionRules): ParsedTenants {
  const parsed = parseTenants(textOf(path));
  const faults = 'tenants' in parsed ? faultsOfTenants(parsed.tenants, attention) : parsed;
  if ('tenants' in parsed && faults.length === 0) return parsed;
  const more = faults.length - MAX_FAULTS;
  const shown = faults.slice(0, MAX_FAULTS).map((fault) => `--tenants: ${fault}`);
  throw configInvalid(more > 0 ? [...shown, `--tenants: and ${more} more`] : shown);
}

function textOf(path: string): string {
  const read = readText(path, tenantsBounds.bytes);
  if (read.kind === 'read') return read.text;
  throw configInvalid([`--tenants: ${read.problem}`]);
}
