import { createPrivateKey, type KeyObject } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { mustReadText } from '@longhaul/files';
import { invalidArgument } from '@longhaul/kernel';
import { deriveNamespaceKey, KEY_BYTES, namespaceId, parseTenantSecret } from '@longhaul/kv-core';
import { CAPABILITY_RIGHTS, mintCapability, type CapabilityRight } from '@longhaul/kv-wire';
import { parseFlags, type Flags } from '../flags.js';
import { keyBytes } from './online.js';
import { facts, hex, printReport } from './print.js';

const FLAGS = ['key', 'out', 'tenant', 'namespace', 'tenant-secret', 'cache-salt', 'rights', 'valid'] as const;
/** A key or a secret with remarks. */
const MAX_SECRET_BYTES = 65_536;
const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const MAX_VALID_MS = 366 * UNITS_MS.d;

/** `longhaul kv grant`: signs a capability, which a kv-store with the public key accepts, into a file. */
export async function kvGrant(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, FLAGS, ['all-namespaces', 'json']);
  const issuedUnixMs = Date.now();
  const expiresUnixMs = issuedUnixMs + validMs(flags);
  const who = { ...spaceOf(flags), rights: rightsOf(flags) };
  const out = required(flags, 'out');
  const token = mintCapability({ ...who, issuedUnixMs, expiresUnixMs }, signingKey(required(flags, 'key')));
  writeSecret(out, token);
  const report = {
    file: out,
    tenant: who.tenant,
    namespace: hex(who.namespaceId),
    rights: who.rights,
    expires: new Date(expiresUnixMs).toISOString(),
  };
  printReport(report, flags.switches.has('json'), () =>
    facts([
      ['file', out],
      ['tenant', flags.switches.has('all-namespaces') ? 'all' : who.tenant],
      ['namespace', flags.switches.has('all-namespaces') ? 'all' : report.namespace],
      ['rights', who.rights.join(', ')],
      ['expires', report.expires],
    ]),
  );
}

/** Whose blocks: those of a named namespace, of one that the tenant's secret yields, or everybody's. */
function spaceOf(flags: Flags): { readonly tenant: string; readonly namespaceId: Uint8Array } {
  const { tenant = '', namespace, 'tenant-secret': secret, 'cache-salt': salt = '' } = flags.values;
  const all = flags.switches.has('all-namespaces');
  const given = [all, namespace !== undefined, secret !== undefined].filter(Boolean).length;
  if (given !== 1) {
    throw invalidArgument('--namespace', 'Give one of --namespace HEX, --tenant-secret FILE and --all-namespaces.');
  }
  if (all && tenant !== '') throw invalidArgument('--tenant', '--tenant and --all-namespaces exclude each other.');
  if (all) return { tenant, namespaceId: new Uint8Array(KEY_BYTES) };
  if (namespace !== undefined) return { tenant, namespaceId: keyBytes('--namespace', namespace) };
  const text = fileOf('--tenant-secret', secret ?? '').replace(/\r?\n$/, '');
  const key = deriveNamespaceKey(parseTenantSecret(text), tenant, salt);
  return { tenant, namespaceId: namespaceId(key) };
}

/** Only an operator's capability reaches every namespace: the right to operate is part of it. */
function rightsOf(flags: Flags): CapabilityRight[] {
  const wanted = (flags.values['rights'] ?? '').split(',').map((right) => right.trim());
  const unknown = wanted.find((right) => !CAPABILITY_RIGHTS.some((known) => known === right));
  if (unknown !== undefined) {
    throw invalidArgument('--rights', `--rights takes some of ${CAPABILITY_RIGHTS.join(', ')}; it has '${unknown}'.`);
  }
  const all = flags.switches.has('all-namespaces');
  return CAPABILITY_RIGHTS.filter((right) => wanted.includes(right) || (all && right === 'operate'));
}

function validMs(flags: Flags): number {
  const [, amount = '', unit = ''] = /^(\d{1,6})([mhd])$/.exec(flags.values['valid'] ?? '24h') ?? [];
  const ms = Number(amount) * (UNITS_MS[unit as keyof typeof UNITS_MS] ?? NaN);
  if (ms > 0 && ms <= MAX_VALID_MS) return ms;
  throw invalidArgument('--valid', '--valid must be a time such as 30m, 24h or 7d, at most 366d.');
}

/** Whole or not at all, since a worker may read the file at any time; for its owner only, whoever made what was there. */
function writeSecret(path: string, bytes: Uint8Array): void {
  const fresh = `${path}.new`;
  try {
    rmSync(fresh, { force: true });
    writeFileSync(fresh, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(fresh, path);
  } catch {
    throw invalidArgument('--out', `--out: ${path} cannot be written.`);
  }
}

function signingKey(path: string): KeyObject {
  const pem = fileOf('--key', path);
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below; what the parser says of a private key stays out of messages.
  }
  throw invalidArgument('--key', `--key: ${path} is no Ed25519 private key in PEM.`);
}

function fileOf(option: string, path: string): string {
  return mustReadText({ path, maxBytes: MAX_SECRET_BYTES, option, reason: 'INVALID_ARGUMENT' });
}

function required(flags: Flags, name: (typeof FLAGS)[number]): string {
  const value = flags.values[name];
  if (value === undefined) throw invalidArgument(`--${name}`, `--${name} is required.`);
  return value;
}
