import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveNamespaceKey, namespaceId, parseTenantSecret } from '@longhaul/kv-core';
import { capabilityKeyId, verifyCapability } from '@longhaul/kv-wire';
import { kv, kvFolder, kvJson } from './kv-folder.js';
import { startKvService, type KvService } from './kv-service.js';

describe('longhaul kv grant', () => {
  const folder = kvFolder();
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const file = (name: string) => join(folder.path, name);
  const key = file('plane.key');
  const namespace = 'ab'.repeat(32);
  let service: KvService;

  beforeAll(async () => {
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(file('plane.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(file('secret'), 'a secret of the tenants\n');
    service = await startKvService(
      '--kv-dir',
      file('kv'),
      '--kv-max-bytes',
      '64MiB',
      '--capability-keys',
      file('plane.pub'),
    );
  });
  afterAll(async () => {
    await service.close();
    folder.dispose();
  });

  const claims = (path: string) =>
    verifyCapability(readFileSync(path), new Map([[capabilityKeyId(publicKey), publicKey]]));

  it('signs an operator of all namespaces, whom the store then lets in', async () => {
    const out = file('operator.cap');
    const granted = await kvJson('grant', '--key', key, '--out', out, '--rights', 'operate', '--all-namespaces');
    expect(granted.report).toMatchObject({ file: out, namespace: '00'.repeat(32), rights: ['operate'] });
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const { report } = await kvJson('stats', '--address', service.address, '--capability', out);
    expect(report).toMatchObject({ leases: 0 });
    await expect(kv('stats', '--address', service.address)).rejects.toMatchObject({ reason: 'KV_CAPABILITY_INVALID' });
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

  it('writes for its owner only, also where somebody has laid a file or a link in the way', async () => {
    const [out, elsewhere] = [file('laid.cap'), file('elsewhere')];
    for (const lay of [
      () => writeFileSync(`${out}.new`, 'stale', { mode: 0o666 }),
      () => symlinkSync(elsewhere, `${out}.new`),
      () => writeFileSync(out, 'an older one', { mode: 0o666 }),
    ]) {
      lay();
      await kv('grant', '--key', key, '--out', out, '--rights', 'read', '--namespace', namespace);
      expect([statSync(out).mode & 0o777, readFileSync(out).length]).toEqual([0o600, 192]);
    }
    expect(existsSync(elsewhere)).toBe(false);
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
    await expect(grant({ '--out': file('absent/x.cap') })).rejects.toMatchObject({ field: '--out' });
    expect(() => statSync(out)).toThrow();
  });
});
