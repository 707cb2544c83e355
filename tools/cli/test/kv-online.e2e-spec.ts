import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectKvStore } from '@longhaul/kv-client';
import { deriveNamespaceKey, modelFingerprint, namespaceId, rootKey, FORMAT_MAJOR } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import { chain, kv, kvFolder, kvJson, type ChainBlock } from './kv-folder.js';
import { startKvService, type KvService } from './kv-service.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('longhaul kv on a running service', () => {
  const folder = kvFolder();
  const blocks = chain('tenant-a', 5);
  const namespaceKey = deriveNamespaceKey(new Uint8Array(32).fill(7), 'tenant-a', 'salt');
  const namespace = {
    modelFingerprint: modelFingerprint({ model: 'cli' }),
    id: namespaceId(namespaceKey),
    tenant: 'tenant-a',
    deployEpoch: 1,
  };
  let service: KvService;

  beforeAll(async () => {
    service = await startKvService('--kv-dir', folder.path, '--kv-ram-bytes', '16MiB', '--kv-max-bytes', '64MiB');
    await putAll();
  });
  afterAll(async () => {
    await service.close();
    folder.dispose();
  });

  async function putAll(): Promise<void> {
    const client = connectKvStore({ address: service.address, checksum: crc32c });
    await client.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'test' });
    let parentKey = rootKey(namespace.modelFingerprint, namespaceKey);
    for (const { key, object } of blocks) {
      const request = { namespace, key, parentKey, objectBytes: object.length, recomputeMicros: 900, ttlSeconds: 0 };
      const put = await client.beginPut(request);
      await put.write(0, object);
      await put.commit();
      parentKey = key;
    }
    client.close();
  }

  it('says what each tier holds', async () => {
    const { report } = await kvJson('stats', '--address', service.address);
    const bytes = (blocks[0] as ChainBlock).object.length;
    const tiers = (report as { tiers: { tier: string; objects: number; bytes: number }[] }).tiers;
    expect(tiers.find(({ tier }) => tier === 'ram')).toMatchObject({ objects: 5, bytes: 5 * bytes });
    expect(tiers.find(({ tier }) => tier === 'disk')).toMatchObject({ objects: 5 });
    expect((await kv('stats', '--address', service.address)).text).toMatch(/^tier +blocks +bytes +limit\nram /);
  });

  it('lists the blocks of the namespace that is named, and of no other', async () => {
    const whose = ['--model', hex(namespace.modelFingerprint), '--tenant', 'tenant-a', '--epoch', '1'];
    const { report } = await kvJson('ls', '--address', service.address, '--namespace', hex(namespace.id), ...whose);
    const listed = (report as { blocks: { key: string; parentKey: string; position: number }[] }).blocks;
    expect(new Set(listed.map(({ key }) => key))).toEqual(new Set(blocks.map(({ key }) => hex(key))));
    const third = listed.find(({ key }) => key === hex((blocks[2] as ChainBlock).key));
    expect(third).toMatchObject({ parentKey: hex((blocks[1] as ChainBlock).key), position: 32, tokens: 16 });
    const stranger = ['--namespace', 'ab'.repeat(32)];
    expect(await kvJson('ls', '--address', service.address, ...stranger, ...whose)).toMatchObject({
      report: { blocks: [] },
    });
  });

  it('looks at the directory of the running store, and does not change it', async () => {
    expect(await kvJson('verify', '--kv-dir', folder.path)).toMatchObject({ exitCode: 0, report: { blocks: 5 } });
    await expect(kv('gc', '--kv-dir', folder.path)).rejects.toMatchObject({ reason: 'KV_DISK_LOCKED' });
  });

  it('says that no store answers', async () => {
    await expect(kv('stats', '--address', '127.0.0.1:1')).rejects.toMatchObject({ reason: 'KV_STORE_UNAVAILABLE' });
  });
});
