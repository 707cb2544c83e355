import { createHash } from 'node:crypto';

export interface TestBlock {
  readonly key: Uint8Array;
  readonly object: Uint8Array;
}

/**
 * Bytes that begin as a KV block does (magic, fingerprint and tenant tag in their places) and go on with noise; enough
 * for tiers, which look no further.
 *
 * @param tenant two of them never share an extent.
 */
export function testBlock(index: number, bytes = 20_000, tenant = 'tenant'): TestBlock {
  const key = digest(`key ${tenant} ${index}`);
  const object = new Uint8Array(bytes);
  let seed = index + 1;
  for (let i = 0; i < bytes; i++) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    object[i] = seed >>> 24;
  }
  if (bytes >= 256) {
    object.set([0x4b, 0x56, 0x42, 0x4b, 0x0d, 0x0a, 0x1a, 0x00], 0);
    object.set(digest('model'), 32);
    object.set(key, 64);
    object.set(digest(tenant).subarray(0, 16), 128);
  }
  return { key, object };
}

export function testBlocks(count: number, bytes?: number, tenant?: string): TestBlock[] {
  return Array.from({ length: count }, (_, i) => testBlock(i, bytes, tenant));
}

function digest(text: string): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(text).digest());
}
