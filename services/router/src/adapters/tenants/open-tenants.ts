import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { AppError } from '@longhaul/kernel';
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
  const parsed = parseTenants(readText(path));
  if ('tenants' in parsed) return parsed;
  const more = parsed.length - MAX_FAULTS;
  const shown = parsed.slice(0, MAX_FAULTS).map((fault) => `--tenants: ${fault}`);
  throw configInvalid(more > 0 ? [...shown, `--tenants: and ${more} more`] : shown);
}

function readText(path: string): string {
  let file: number | undefined;
  try {
    // Opening must not wait for the other end of a pipe.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size, isFile } = statOf(file);
    if (!isFile) throw unreadable(`${path} is no regular file`);
    if (size > tenantsBounds.bytes) throw unreadable(`${path} has more than ${tenantsBounds.bytes} bytes`);
    const bytes = Buffer.alloc(size);
    const length = readSync(file, bytes, 0, size, 0);
    const read = bytes.subarray(0, length);
    if (!isUtf8(read)) throw unreadable(`${path} is not UTF-8`);
    return read.toString('utf8');
  } catch (error) {
    if (AppError.isInstance(error)) throw error;
    throw unreadable(`${path} cannot be read`);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function statOf(file: number): { size: number; isFile: boolean } {
  const stat = fstatSync(file);
  return { size: stat.size, isFile: stat.isFile() };
}

function unreadable(what: string): AppError {
  return configInvalid([`--tenants: ${what}`]);
}
