// Blocks for bit-flips.mjs, and a reader that trusts nothing: what an engine does with what the client hands it.
import {
  allocateBlock,
  BlockDtype,
  blockKey,
  deriveNamespaceKey,
  modelFingerprint,
  namespaceId,
  QualityClass,
  readHead,
  rootKey,
  SectionKind,
  verifyBlock,
} from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';

const LAYERS = 2;
const BLOCK_TOKENS = 16;
const geometry = {
  layerBegin: 0,
  layerEnd: LAYERS,
  kvHeads: 2,
  headDimK: 64,
  headDimV: 64,
  dtypeK: BlockDtype.bf16,
  dtypeV: BlockDtype.bf16,
  blockTokens: BLOCK_TOKENS,
};
const namespaceKey = deriveNamespaceKey(Buffer.alloc(32, 7), 'tenant-a', '');
export const namespace = {
  modelFingerprint: modelFingerprint({ model: 'bit-flips' }),
  id: namespaceId(namespaceKey),
  tenant: 'tenant-a',
  deployEpoch: 0,
};

/** Blocks that follow each other; another number is another chain. */
export function chainOf(number, length) {
  let parentKey = rootKey(namespace.modelFingerprint, namespaceKey);
  return Array.from({ length }, (_, n) => {
    const tokens = Uint32Array.from({ length: BLOCK_TOKENS }, (_, i) => number * 1000 + n * BLOCK_TOKENS + i);
    const key = blockKey(parentKey, tokens);
    const place = { namespace, geometry, seqKey: key, parentKey, firstPosition: n * BLOCK_TOKENS, tokens };
    const facts = { quality: QualityClass.exact, createdUnixMs: 1, producerId: 1n, recomputeMicros: 1000 };
    const writer = allocateBlock({ ...place, ...facts });
    for (let layer = 0; layer < LAYERS; layer++) {
      for (const kind of [SectionKind.key, SectionKind.value]) {
        writer
          .section(kind, layer)
          .forEach((_, i, section) => (section[i] = Math.imul(i + number, 31 * (layer + n + 1))));
      }
    }
    const block = { key, parentKey, object: Buffer.from(writer.seal({ checksum: crc32c }).buffer) };
    parentKey = key;
    return block;
  });
}

export async function putBlock(store, { key, parentKey, object }) {
  const request = { namespace, key, parentKey, objectBytes: object.length, recomputeMicros: 1000, ttlSeconds: 0 };
  const put = await store.beginPut(request);
  await put.write(0, object);
  return put.commit();
}

/**
 * Reads a chain as far as the store has it.
 *
 * @returns `sound`: blocks from the first on that came whole; `wrong`: blocks that passed every check and are not what
 * was stored; `errors`: what was refused on the way, by reason.
 */
export async function readChain(client, blocks) {
  const found = { sound: 0, wrong: 0, errors: [] };
  try {
    const keys = blocks.map(({ key }) => key);
    const { matchedBlocks, leaseId } = await client.lookupPrefix({ namespace, keys, minQuality: 1, leaseMs: 0 });
    if (matchedBlocks === 0) return found;
    const wanted = keys.slice(0, matchedBlocks);
    const asked = { namespace, leaseId, keys: wanted, layerBegin: 0, layerEnd: LAYERS };
    const read = wanted.map(() => ({ object: null, head: null, outcome: 'missing' }));
    for await (const frame of client.get(asked)) take(read, frame);
    await client.releaseLease(leaseId);
    for (const [n, { object, outcome }] of read.entries()) {
      if (outcome !== 'ok') {
        found.errors.push(outcome);
        break;
      }
      verifyBlock(object, { expected: { namespace, seqKey: keys[n] }, checksum: crc32c });
      if (!blocks[n].object.equals(object)) found.wrong += 1;
      found.sound += 1;
    }
  } catch (error) {
    found.errors.push(error.reason ?? error.message);
  }
  return found;
}

function take(read, frame) {
  const block = read[frame.block];
  if (frame.kind === 'head') {
    block.head = readHead(frame.bytes, { namespace });
    block.object = Buffer.alloc(block.head.header.objectBytes);
    block.object.set(frame.bytes);
  } else if (frame.kind === 'data') {
    block.object.set(frame.bytes, block.head.sections[frame.section].offset + frame.offset);
  } else if (frame.kind === 'end') block.outcome = frame.outcome;
}
