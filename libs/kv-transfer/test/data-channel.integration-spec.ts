import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError, steadyUnixMs } from '@longhaul/kernel';
import { crc32cTable, type Namespace } from '@longhaul/kv-core';
import { ClientChannel, DataChannelServer, getBlocks, openPutSession, openScope } from '../src/index.js';
import { BlockShelf, nameOf } from './block-shelf.js';

const MAX_FRAME_BYTES = 4096;
/** Several frames, and no whole number of them. */
const BLOCK_BYTES = 5 * MAX_FRAME_BYTES + 321;
const namespace: Namespace = {
  modelFingerprint: new Uint8Array(32),
  id: new Uint8Array(32),
  tenant: 'tenant-a',
  deployEpoch: 0,
};

describe('a process that has blocks and is no KV store', () => {
  const shelf = new BlockShelf();
  let server: DataChannelServer;
  let port: number;
  const channels: ClientChannel[] = [];

  beforeEach(async () => {
    const parts = { store: shelf, checksum: crc32cTable, maxFrameBytes: MAX_FRAME_BYTES, credit: 4 };
    server = new DataChannelServer(parts, {
      ...{ host: '127.0.0.1', port: 0, portFlag: '--transfer-port', maxChannels: 2, idleTimeoutMs: 10_000 },
      now: steadyUnixMs,
    });
    port = await server.listen();
  });

  afterEach(async () => {
    for (const channel of channels.splice(0)) channel.destroy();
    await server.close(0);
    shelf.blocks.clear();
  });

  async function channel(rights: readonly string[] = ['read', 'write']): Promise<ClientChannel> {
    const { token } = server.admit({
      require: (right, { tenant }) => {
        if (tenant === namespace.tenant && rights.includes(right)) return;
        throw new AppError({ code: 'PERMISSION_DENIED', reason: 'KV_CAPABILITY_RIGHT', message: `No ${right}.` });
      },
    });
    const options = { checksum: crc32cTable, maxFrameBytes: MAX_FRAME_BYTES, openMs: 5_000 };
    const opened = await ClientChannel.open({ host: '127.0.0.1', port, token }, options, () => undefined);
    channels.push(opened);
    return opened;
  }

  async function put(over: ClientChannel, key: Uint8Array, block: Uint8Array): Promise<void> {
    const scope = openScope(undefined, 10_000);
    const call = over.openPut(scope);
    const parentKey = new Uint8Array(32);
    const request = { namespace, key, parentKey, objectBytes: block.length, recomputeMicros: 1, ttlSeconds: 0 };
    const put = await openPutSession({ call, scope, checksum: crc32cTable, over: () => scope.close() }, request);
    await put.write(0, block);
    await put.commit();
  }

  async function get(over: ClientChannel, keys: readonly Uint8Array[]): Promise<Buffer[]> {
    const scope = openScope(undefined, 10_000);
    const call = over.openGet(scope);
    const parts = { call, scope, checksum: crc32cTable, creditFrames: 4 };
    const request = { namespace, leaseId: new Uint8Array(16), keys, layerBegin: 0, layerEnd: 1 };
    const blocks: Buffer[] = keys.map(() => Buffer.alloc(0));
    for await (const frame of getBlocks(parts, request)) {
      if (frame.kind !== 'head' && frame.kind !== 'data') continue;
      blocks[frame.block] = Buffer.concat([blocks[frame.block]!, frame.bytes]);
    }
    call.end();
    scope.close();
    return blocks;
  }

  it('takes a put and answers a get, byte for byte, over one channel', async () => {
    const open = await channel();
    const keys = [randomBytes(32), randomBytes(32)];
    const blocks = keys.map(() => randomBytes(BLOCK_BYTES));
    for (const [i, key] of keys.entries()) await put(open, key, blocks[i]!);
    expect(shelf.blocks.size).toBe(2);
    expect(await get(open, keys)).toEqual(blocks);
  });

  it('serves what the token was given for and nothing else', async () => {
    const reader = await channel(['read']);
    await expect(put(reader, randomBytes(32), randomBytes(BLOCK_BYTES))).rejects.toMatchObject({
      reason: 'KV_CAPABILITY_RIGHT',
    });
    expect(shelf.blocks.size).toBe(0);
  });

  it('keeps nothing of a put that was given up', async () => {
    const open = await channel();
    const scope = openScope(undefined, 10_000);
    const key = randomBytes(32);
    const request = { namespace, key, parentKey: new Uint8Array(32), objectBytes: BLOCK_BYTES };
    const session = await openPutSession(
      { call: open.openPut(scope), scope, checksum: crc32cTable, over: () => scope.close() },
      { ...request, recomputeMicros: 1, ttlSeconds: 0 },
    );
    await session.write(0, randomBytes(MAX_FRAME_BYTES));
    await session.abort('not wanted any more');
    const kept = randomBytes(32);
    await put(open, kept, randomBytes(BLOCK_BYTES));
    expect([...shelf.blocks.keys()]).toEqual([nameOf(kept)]);
    expect(shelf.aborted).toEqual(['not wanted any more']);
  });
});
