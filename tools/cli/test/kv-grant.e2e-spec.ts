import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveNamespaceKey, namespaceId, parseTenantSecret } from '@longhaul/kv-core';
import { createKvStoreServer, kvStoreSettings, openLocalStore } from '@longhaul/kv-store';
import { capabilityKeyId, verifyCapability } from '@longhaul/kv-wire';
import { loadConfig } from '@longhaul/platform-config';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { kv, kvFolder, kvJson } from './kv-folder.js';

describe('longhaul kv grant', () => {
  const folder = kvFolder();
  const closing: (() => Promise<void>)[] = [() => Promise.resolve(folder.dispose())];
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const file = (name: string) => join(folder.path, name);
  const key = file('plane.key');
  const namespace = 'ab'.repeat(32);
  let address: string;

  beforeAll(async () => {
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(file('plane.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(file('secret'), 'a secret of the tenants\n');
    const ports = ['--grpc-port', '0', '--data-port', '0', '--port', '0', '--log-level', 'silent'];
    const argv = ['--kv-dir', file('kv'), '--kv-max-bytes', '64MiB', '--capability-keys', file('plane.pub'), ...ports];
    const config = loadConfig(kvStoreSettings, { argv, env: {} });
    const [log, health] = [new EventLog('kv-store', 'silent'), new HealthModel()];
    const telemetry = startTelemetry({ serviceName: 'longhaul-kv-store' });
    closing.unshift(() => telemetry.shutdown());
    const local = await openLocalStore(config, { log, owner: 'test', health });
    closing.unshift(() => local.close());
    const server = await createKvStoreServer(config, { ...local, telemetry, log, health });
    closing.unshift(() => server.close());
    address = `127.0.0.1:${server.grpcPort}`;
  });
  afterAll(async () => {
    for (const close of closing) await close();
  });

  const claims = (path: string) =>
    verifyCapability(readFileSync(path), new Map([[capabilityKeyId(publicKey), publicKey]]));

  it('signs an operator of all namespaces, whom the store then lets in', async () => {
    const out = file('operator.cap');
    const granted = await kvJson('grant', '--key', key, '--out', out, '--rights', 'operate', '--all-namespaces');
    expect(granted.report).toMatchObject({ file: out, namespace: '00'.repeat(32), rights: ['operate'] });
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const { report } = await kvJson('stats', '--address', address, '--capability', out);
    expect(report).toMatchObject({ leases: 0 });
    await expect(kv('stats', '--address', address)).rejects.toMatchObject({ reason: 'KV_CAPABILITY_INVALID' });
  });

  it('gives the right to operate to whoever may use all namespaces: without it the store would refuse', async () => {
    const out = file('worker.cap');
    await kv('grant', '--key', key, '--out', out, '--rights', 'write,read', '--all-namespaces', '--valid', '30m');
    const { rights, issuedUnixMs, expiresUnixMs } = claims(out);
    expect(rights).toEqual(['read', 'write', 'operate']);
    expect(expiresUnixMs - issuedUnixMs).toBe(30 * 60_000);
  });

  it('signs for one namespace, named or derived as workers do', async () => {
    const out = file('tenant.cap');
    const common = ['--key', key, '--out', out, '--rights', 'read', '--tenant', 'team'];
    await kv('grant', ...common, '--namespace', namespace);
    expect(claims(out)).toMatchObject({ tenant: 'team', namespaceId: Uint8Array.from(Buffer.from(namespace, 'hex')) });
    await kv('grant', ...common, '--tenant-secret', file('secret'), '--cache-salt', 's');
    const derived = deriveNamespaceKey(parseTenantSecret('a secret of the tenants'), 'team', 's');
    expect(claims(out)).toMatchObject({ tenant: 'team', rights: ['read'], namespaceId: namespaceId(derived) });
  });

  it('names the flag that is wrong, and writes nothing then', async () => {
    const out = file('nothing.cap');
    const flags: Record<string, string> = { '--key': key, '--out': out, '--rights': 'read', '--namespace': namespace };
    const grant = (changed: Record<string, string>, ...switches: string[]) =>
      kv('grant', ...Object.entries({ ...flags, ...changed }).flat(), ...switches);
    await expect(grant({ '--rights': 'read,fly' })).rejects.toMatchObject({ field: '--rights' });
    await expect(grant({ '--valid': '2y' })).rejects.toMatchObject({ field: '--valid' });
    await expect(grant({ '--valid': '367d' })).rejects.toMatchObject({ field: '--valid' });
    await expect(grant({ '--namespace': 'abc' })).rejects.toMatchObject({ field: '--namespace' });
    await expect(grant({}, '--all-namespaces')).rejects.toMatchObject({ field: '--namespace' });
    await expect(grant({ '--key': file('plane.pub') })).rejects.toMatchObject({ field: '--key' });
    await expect(grant({ '--key': file('absent') })).rejects.toMatchObject({ field: '--key' });
    expect(() => statSync(out)).toThrow();
  });
});
