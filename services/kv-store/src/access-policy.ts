import type { KeyObject } from 'node:crypto';
import { configInvalid } from '@longhaul/platform-config';
import { isLoopback, readTlsIdentity, type TlsIdentity } from '@longhaul/platform-grpc';
import { createCapabilityGate, OPEN_GATE, type CapabilityGate } from './adapters/security/capability-gate.js';
import { readCapabilityKeys } from './adapters/security/capability-keys.js';
import type { KvStoreConfig } from './config.js';

/** Who may reach this store, and what they must show. */
export interface AccessPolicy {
  /** Null: plain text. */
  readonly tls: TlsIdentity | null;
  readonly gate: CapabilityGate;
  /** Callers must show a capability. */
  readonly guarded: boolean;
}

export type AccessConfig = Pick<
  KvStoreConfig,
  'host' | 'tlsCa' | 'tlsCert' | 'tlsKey' | 'capabilityKeys' | 'allowInsecure'
>;

/**
 * Reads certificates and keys. Off loopback both are required, unless the operator says otherwise.
 *
 * @throws AppError `CONFIG_INVALID` with all faults, `TLS_FILE_UNREADABLE`.
 */
export function readAccessPolicy(config: AccessConfig): AccessPolicy {
  const { tlsCa, tlsCert, tlsKey, capabilityKeys, host } = config;
  const files = [tlsCa, tlsCert, tlsKey].filter((path) => path !== undefined);
  const exposed = !isLoopback(host) && !config.allowInsecure;
  const faults: string[] = [];
  if (files.length !== 0 && files.length !== 3) faults.push('--tls-ca, --tls-cert and --tls-key: give all or none');
  if (exposed && files.length === 0) faults.push(`--tls-ca: is required to listen beyond loopback`);
  if (exposed && capabilityKeys === undefined) faults.push('--capability-keys: is required to listen beyond loopback');
  if (faults.length > 0) throw configInvalid(faults);
  const keys = readKeys(capabilityKeys);
  const tls = tlsCa && tlsCert && tlsKey ? readTlsIdentity({ ca: tlsCa, cert: tlsCert, key: tlsKey }, '--tls') : null;
  return { tls, guarded: keys !== null, gate: keys ? createCapabilityGate({ keys, now: Date.now }) : OPEN_GATE };
}

function readKeys(list: string | undefined): ReadonlyMap<number, KeyObject> | null {
  if (list === undefined) return null;
  const paths = list.split(',').map((path) => path.trim());
  return readCapabilityKeys(paths.filter((path) => path !== ''));
}
