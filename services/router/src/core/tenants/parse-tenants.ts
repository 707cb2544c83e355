import { presetNames } from '@longhaul/attention';
import { requestBounds } from '@longhaul/inference';
import { z } from 'zod';
import { attentionChoices } from '@longhaul/attention';
import { keyDigest, type KeyOwner } from './key-directory.js';
import type { Tenant } from './tenant.js';

/** Bounds of a tenants file. */
export const tenantsBounds = { bytes: 4 * 2 ** 20, tenants: 10_000, keys: 32, names: 256, weight: 1000 } as const;

/** A tenants file that was read whole. */
export interface ParsedTenants {
  readonly tenants: readonly Tenant[];
  readonly owners: readonly KeyOwner[];
}

const { tenantCharacters } = requestBounds;
const count = z.int({ error: 'must be a whole number' }).min(1, 'must be at least 1');
const names = <T extends z.ZodType>(item: T, most: number, what: string) =>
  z
    .array(item, { error: `must be a list of ${what}` })
    .min(1, `must not be empty`)
    .max(most, `must have at most ${most} entries`);

const limits = z.strictObject({
  requests_per_minute: count.optional(),
  tokens_per_minute: count.optional(),
  concurrent_requests: count.optional(),
  kv_bytes: count.optional(),
});

const tenant = z.strictObject({
  id: z
    .string({ error: 'must be a text' })
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
      'must be letters, digits, dots, dashes and underscores, a letter or digit first',
    )
    .max(tenantCharacters, `must have at most ${tenantCharacters} characters`),
  keys: names(
    z
      .string({ error: 'must be a text' })
      .regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and the 64 lower-case hexadecimal digits of a digest'),
    tenantsBounds.keys,
    'key digests',
  ),
  limits: limits.optional(),
  models: names(
    z.string({ error: 'must be a text' }).min(1, 'must not be empty'),
    tenantsBounds.names,
    'served model names',
  ).optional(),
  policies: names(
    z.enum(attentionChoices, { error: `must be one of ${attentionChoices.join(', ')}` }),
    tenantsBounds.names,
    'policies',
  ).optional(),
  default_policy: z.enum(presetNames, { error: `must be one of ${presetNames.join(', ')}` }).optional(),
  weight: z
    .number({ error: 'must be a number' })
    .positive('must be more than 0')
    .max(tenantsBounds.weight, `must be at most ${tenantsBounds.weight}`)
    .optional(),
});

const file = z.strictObject(
  {
    tenants: z
      .array(tenant, { error: 'must be a list of tenants' })
      .min(1, 'must have at least one tenant')
      .max(tenantsBounds.tenants, `must have at most ${tenantsBounds.tenants} tenants`),
  },
  { error: 'must be an object with the key tenants' },
);

type TenantEntry = z.output<typeof tenant>;

/** What is wrong with a tenants file: the place and what would be right, one sentence each. Never a value. */
export type Faults = readonly string[];

/**
 * Reads a tenants file strictly: unknown keys, ids and keys that are there twice, and numbers outside their range are
 * faults.
 */
export function parseTenants(text: string): ParsedTenants | Faults {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return ['the file is not JSON'];
  }
  const parsed = file.safeParse(json);
  if (!parsed.success) return parsed.error.issues.map(describe);
  if (countNames(json) !== countColons(text)) return ['a key is given twice in one object of the file'];
  const faults = repeated(parsed.data.tenants);
  return faults.length > 0 ? faults : assemble(parsed.data.tenants);
}

function assemble(entries: readonly TenantEntry[]): ParsedTenants {
  const tenants = entries.map(toTenant);
  const owners = entries.flatMap(({ keys }, i) =>
    keys.map((key) => ({ digest: digestOf(key), tenant: tenants[i] as Tenant })),
  );
  return { tenants, owners };
}

function toTenant({ id, models, policies, default_policy, limits = {}, weight = 1 }: TenantEntry): Tenant {
  return {
    id,
    models: models === undefined ? null : new Set(models),
    policies: policies === undefined ? null : new Set(policies),
    defaultPolicy: default_policy ?? null,
    limits: {
      requestsPerMinute: limits.requests_per_minute,
      tokensPerMinute: limits.tokens_per_minute,
      concurrentRequests: limits.concurrent_requests,
      kvBytes: limits.kv_bytes,
    },
    weight,
  };
}

function digestOf(key: string): Uint8Array {
  return Uint8Array.from(Buffer.from(key.slice('sha256:'.length), 'hex'));
}

const EMPTY_KEY = `sha256:${Buffer.from(keyDigest('')).toString('hex')}`;

/** Ids and keys must tell tenants apart, and a key must be one. */
function repeated(entries: readonly TenantEntry[]): string[] {
  const faults: string[] = [];
  const seen = new Map<string, string>();
  const meet = (value: string, place: string) => {
    const first = seen.get(value);
    if (first !== undefined) faults.push(`${place}: is the same as ${first}`);
    else seen.set(value, place);
  };
  entries.forEach(({ id, keys }, i) => {
    meet(`id ${id}`, `tenants[${i}].id`);
    keys.forEach((key, k) => {
      if (key === EMPTY_KEY) faults.push(`tenants[${i}].keys[${k}]: is the digest of an empty key`);
      meet(key, `tenants[${i}].keys[${k}]`);
    });
  });
  return faults;
}

function describe({ path, message, ...issue }: z.core.$ZodIssue): string {
  const place = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .slice(1);
  const where = place === '' ? 'the file' : place;
  if (issue.code !== 'unrecognized_keys') return `${where}: ${message}`;
  const unknown = issue.keys.map((key) => JSON.stringify(key.slice(0, 64))).join(', ');
  return `${where}: has no key ${unknown}; there are ${keysAt(path).join(', ')}`;
}

function keysAt(path: readonly PropertyKey[]): string[] {
  if (path.at(-1) === 'limits') return Object.keys(limits.shape);
  return Object.keys(path.length === 0 ? file.shape : tenant.shape);
}

/** JSON.parse takes the last of two equal keys without a word; but each has its colon. */
function countColons(text: string): number {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"/gu, '').split(':').length - 1;
}

function countNames(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inside = Object.values(value).reduce((sum: number, item) => sum + countNames(item), 0);
  return inside + (Array.isArray(value) ? 0 : Object.keys(value).length);
}
