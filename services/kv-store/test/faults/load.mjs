import { setTimeout as delay } from 'node:timers/promises';
import {
  allocateBlock,
  BlockDtype,
  blockKey,
  QualityClass,
  rootKey,
  SectionKind,
  FORMAT_MAJOR,
} from '@longhaul/kv-core';
import { deriveNamespaceKey, modelFingerprint, namespaceId } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';

const LAYERS = 8;
const BLOCK_TOKENS = 64;
const GEOMETRY = {
  ...{ layerBegin: 0, layerEnd: LAYERS, kvHeads: 4, headDimK: 64, headDimV: 64 },
  ...{ dtypeK: BlockDtype.bf16, dtypeV: BlockDtype.bf16, blockTokens: BLOCK_TOKENS },
};
const namespaceKey = deriveNamespaceKey(Buffer.alloc(32, 5), 'faults', '');
export const namespace = {
  modelFingerprint: modelFingerprint({ model: 'faults' }),
  id: namespaceId(namespaceKey),
  tenant: 'faults',
  deployEpoch: 0,
};
/** A turn of the load; leaves the processor to others. */
const PAUSE_MS = 20;

/** Blocks of half a MiB each that follow from their numbers. */
export function chain(seed, length) {
  let parentKey = rootKey(namespace.modelFingerprint, namespaceKey);
  return Array.from({ length }, (_, block) => {
    const tokens = Uint32Array.from({ length: BLOCK_TOKENS }, (_, i) => seed * 10_000 + block * BLOCK_TOKENS + i);
    const key = blockKey(parentKey, tokens);
    const place = {
      namespace,
      geometry: GEOMETRY,
      seqKey: key,
      parentKey,
      tokens,
      firstPosition: block * BLOCK_TOKENS,
    };
    const facts = { quality: QualityClass.exact, createdUnixMs: 1, producerId: 1n, recomputeMicros: 100_000 };
    const writer = allocateBlock({ ...place, ...facts });
    for (let layer = 0; layer < LAYERS; layer++) {
      writer.section(SectionKind.key, layer).fill((seed + block + layer) & 255);
      writer.section(SectionKind.value, layer).fill((seed + block + layer + 128) & 255);
    }
    const sample = { key, parentKey, object: writer.seal({ checksum: crc32c }) };
    parentKey = key;
    return sample;
  });
}

export function handshake(client) {
  return client.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'faults' });
}

export async function put(client, { key, parentKey, object }) {
  const request = { namespace, key, parentKey, objectBytes: object.length, recomputeMicros: 100_000, ttlSeconds: 0 };
  const session = await client.beginPut(request);
  await session.write(0, object);
  return session.commit();
}

/** @returns blocks that came whole. @throws Error for a byte that is not the one that was put. */
export async function get(client, samples) {
  const keys = samples.map(({ key }) => key);
  const match = await client.lookupPrefix({ namespace, keys, minQuality: QualityClass.sparse, leaseMs: 20_000 });
  if (match.matchedBlocks === 0) return 0;
  const wanted = { namespace, leaseId: match.leaseId, keys: keys.slice(0, match.matchedBlocks) };
  let whole = 0;
  for await (const frame of client.get({ ...wanted, layerBegin: 0, layerEnd: LAYERS })) {
    if (frame.kind === 'end' && frame.outcome === 'ok') whole += 1;
    if (frame.kind === 'head' || frame.kind === 'data') compare(frame, samples[frame.block].object);
  }
  await client.releaseLease(match.leaseId);
  return whole;
}

function compare(frame, object) {
  const table = new DataView(object.buffer, object.byteOffset);
  const at = frame.kind === 'head' ? 0 : table.getUint32(256 + 64 * frame.section + 8, true) + frame.offset;
  const same = Buffer.compare(frame.bytes, object.subarray(at, at + frame.bytes.length)) === 0;
  if (!same) throw Object.assign(new Error('wrong bytes'), { reason: 'WRONG_BYTES' });
}

/** What a load saw: counts, errors by reason, the slowest call. */
export class Tally {
  puts = 0;
  gets = 0;
  /** Blocks that were asked for and not there: they would be computed again. */
  missed = 0;
  worstMs = 0;
  errors = new Map();

  async count(work) {
    const started = performance.now();
    try {
      await work();
    } catch (error) {
      const reason = error.reason ?? error.message;
      this.errors.set(reason, (this.errors.get(reason) ?? 0) + 1);
    }
    this.worstMs = Math.max(this.worstMs, performance.now() - started);
  }

  get errorText() {
    return [...this.errors].map(([reason, count]) => `${reason} ${count}`).join(', ');
  }
}

let nextSeed = 1000;

export function putFresh(client) {
  return put(client, chain(nextSeed++, 1)[0]);
}

/** Puts fresh chains and gets them and the kept one again and again, until told to stop. */
export async function load(client, kept, goesOn) {
  const tally = new Tally();
  while (goesOn()) {
    const fresh = chain(nextSeed++, 2);
    for (const sample of fresh) await tally.count(() => put(client, sample).then(() => (tally.puts += 1)));
    for (const samples of [fresh, kept]) {
      await tally.count(async () => {
        const whole = await get(client, samples);
        tally.gets += 1;
        tally.missed += samples.length - whole;
      });
    }
    await delay(PAUSE_MS);
  }
  return tally;
}
