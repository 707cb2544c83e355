import {
  allocateBlock,
  BlockDtype,
  blockKey,
  type BlockOutcome,
  crc32cTable,
  deriveNamespaceKey,
  type GetFrame,
  modelFingerprint,
  type Namespace,
  namespaceId,
  type PutOutcome,
  QualityClass,
  rootKey,
  SectionKind,
  FORMAT_MAJOR,
} from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import {
  createStoreCore,
  type LowerTier,
  type StoreCore,
  type StoreCoreOptions,
  type StoreCounter,
  type StoreGauge,
} from '../../src/index.js';
import { ManualClock } from './manual-clock.js';

const GEOMETRY = {
  layerBegin: 0,
  layerEnd: 2,
  kvHeads: 2,
  headDimK: 8,
  headDimV: 8,
  dtypeK: BlockDtype.bf16,
  dtypeV: BlockDtype.bf16,
  blockTokens: 16,
} as const;

/** Bytes of one block of the fixture. */
export const BLOCK_BYTES = 7 * 4096;

export interface Sample {
  readonly key: Uint8Array;
  readonly parentKey: Uint8Array;
  readonly object: Uint8Array;
  readonly recomputeMicros: number;
}

export interface Space {
  readonly namespace: Namespace;
  readonly namespaceKey: Uint8Array;
}

/** A tenant's space; the same name is the same space. */
export function space(tenant = 'tenant-a', deployEpoch = 0, model = 'sample'): Space {
  const namespaceKey = deriveNamespaceKey(Buffer.alloc(32, 7), tenant, '');
  const id = namespaceId(namespaceKey);
  return { namespace: { modelFingerprint: modelFingerprint({ model }), id, tenant, deployEpoch }, namespaceKey };
}

export interface ChainOptions {
  readonly space?: Space;
  readonly quality?: QualityClass;
  /** Other tokens, so other keys. */
  readonly seed?: number;
  readonly recomputeMicros?: number;
  /** 64 fills the sections to their alignment: next to no padding. */
  readonly headDim?: 8 | 64;
}

/** Blocks that follow each other, each with the bytes that its place says. */
export function chain(length: number, options: ChainOptions = {}): Sample[] {
  const { namespace, namespaceKey } = options.space ?? space();
  const seed = options.seed ?? 0;
  const headDim = options.headDim ?? 8;
  const geometry = { ...GEOMETRY, headDimK: headDim, headDimV: headDim };
  let parentKey: Uint8Array = rootKey(namespace.modelFingerprint, namespaceKey);
  return Array.from({ length }, (_, block) => {
    const tokens = Uint32Array.from({ length: 16 }, (_, i) => seed * 100_000 + block * 16 + i);
    const key = blockKey(parentKey, tokens);
    const recomputeMicros = options.recomputeMicros ?? 1000;
    const writer = allocateBlock({
      ...{ namespace, geometry, seqKey: key, parentKey, tokens, recomputeMicros, producerId: 1n },
      ...{ firstPosition: block * 16, quality: options.quality ?? QualityClass.exact, createdUnixMs: 1 },
    });
    for (let layer = 0; layer < 2; layer++) {
      writer.section(SectionKind.key, layer).fill(1 + block + layer);
      writer.section(SectionKind.value, layer).fill(101 + block + layer);
    }
    const sample = { key, parentKey, object: writer.seal({ checksum: crc32cTable }), recomputeMicros };
    parentKey = key;
    return sample;
  });
}

/** A store with a clock of its own, and what it told its observer. */
export class StoreFixture {
  readonly clock = new ManualClock();
  readonly core: StoreCore;
  readonly gauges = new Map<string, { value: number; limit: number; most: number }>();
  readonly #counters = new Map<string, number>();
  #random = 0;

  constructor(options: Partial<StoreCoreOptions> = {}) {
    this.core = createStoreCore({
      owner: 'store-1',
      ramBytes: 100 * BLOCK_BYTES,
      clock: this.clock,
      checksum: crc32cTable,
      random: (length) => Buffer.alloc(length).fill(`${(this.#random += 1)}/`),
      observer: {
        counted: (counter, amount, { tier, reason }) => {
          for (const name of new Set([counter, `${counter}:${tier ?? ''}`, `${counter}:${tier ?? ''}:${reason ?? ''}`]))
            this.#counters.set(name, (this.#counters.get(name) ?? 0) + amount);
        },
        measured: (gauge, value, limit, { tier, tenant }) => {
          const name = [gauge, tier, tenant].filter((part) => part !== undefined).join(':');
          const most = Math.max(value, this.gauges.get(name)?.most ?? 0);
          this.gauges.set(name, { value, limit, most });
        },
      },
      ...options,
      limits: { maxBlocks: 4096, ringEvents: 1024, ...options.limits },
    });
  }

  /** Started, with hands shaken for the spaces. */
  static async ready(options: Partial<StoreCoreOptions> = {}, spaces = [space()]): Promise<StoreFixture> {
    const fixture = new StoreFixture(options);
    await fixture.core.start();
    for (const { namespace } of spaces) await fixture.handshake(namespace);
    return fixture;
  }

  handshake(namespace: Namespace) {
    return this.core.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'w' });
  }

  count(counter: StoreCounter, ...labels: string[]): number {
    return this.#counters.get([counter, ...labels].join(':')) ?? 0;
  }

  gauge(gauge: StoreGauge, ...labels: string[]) {
    return this.gauges.get([gauge, ...labels].join(':')) ?? { value: 0, limit: 0, most: 0 };
  }

  begin(sample: Sample, of = space(), more: { ttlSeconds?: number } = {}) {
    const { key, parentKey, object, recomputeMicros } = sample;
    const ttlSeconds = more.ttlSeconds ?? 0;
    const { namespace } = of;
    return this.core.beginPut({ namespace, key, parentKey, objectBytes: object.length, recomputeMicros, ttlSeconds });
  }

  async put(sample: Sample, of = space(), more: { ttlSeconds?: number } = {}): Promise<PutOutcome> {
    const session = await this.begin(sample, of, more);
    await session.write(0, sample.object);
    return session.commit();
  }

  async putAll(samples: readonly Sample[], of = space()): Promise<void> {
    for (const sample of samples) await this.put(sample, of);
  }

  lookup(samples: readonly Sample[], of = space(), leaseMs = 0, minQuality: QualityClass = QualityClass.sparse) {
    return this.core.lookupPrefix({
      ...{ namespace: of.namespace, keys: samples.map(({ key }) => key), minQuality, leaseMs },
    });
  }

  async matched(samples: readonly Sample[], of = space()): Promise<number> {
    const match = await this.lookup(samples, of);
    await this.core.releaseLease(match.leaseId);
    return match.matchedBlocks;
  }

  frames(samples: readonly Sample[], leaseId: Uint8Array, of = space(), layers: readonly [number, number] = [0, 2]) {
    const keys = samples.map(({ key }) => key);
    return this.core.get({ namespace: of.namespace, leaseId, keys, layerBegin: layers[0], layerEnd: layers[1] });
  }

  /** Looks up, gets all that matched, releases. */
  async read(samples: readonly Sample[], of = space()): Promise<Received> {
    const match = await this.lookup(samples, of);
    const wanted = samples.slice(0, match.matchedBlocks);
    const received = wanted.length > 0 ? await receive(this.frames(wanted, match.leaseId, of), wanted) : NOTHING;
    await this.core.releaseLease(match.leaseId);
    return received;
  }
}

export interface Received {
  readonly outcomes: readonly (BlockOutcome | undefined)[];
  /** Every byte that came is the byte that was stored. */
  readonly faithful: boolean;
  readonly dataBytes: number;
  readonly order: readonly string[];
}

const NOTHING: Received = { outcomes: [], faithful: true, dataBytes: 0, order: [] };

/** Takes a whole get and compares it with what was put. */
export async function receive(frames: AsyncIterable<GetFrame>, samples: readonly Sample[]): Promise<Received> {
  const outcomes: (BlockOutcome | undefined)[] = samples.map(() => undefined);
  const order: string[] = [];
  let faithful = true;
  let dataBytes = 0;
  for await (const frame of frames) {
    order.push(frame.kind === 'data' ? `data ${frame.block}.${frame.section}` : frame.kind);
    if (frame.kind === 'end') outcomes[frame.block] = frame.outcome;
    if (frame.kind !== 'head' && frame.kind !== 'data') continue;
    const object = samples[frame.block]?.object ?? new Uint8Array();
    const at = frame.kind === 'head' ? 0 : sectionAt(object, frame.section) + frame.offset;
    if (frame.kind === 'data') dataBytes += frame.bytes.length;
    faithful &&= Buffer.from(frame.bytes).equals(object.subarray(at, at + frame.bytes.length));
  }
  return { outcomes, faithful, dataBytes, order };
}

/** Where a section lies, from the table of the block itself. */
export function sectionAt(object: Uint8Array, section: number): number {
  return new DataView(object.buffer, object.byteOffset).getUint32(256 + 64 * section + 8, true);
}

/** The reason of what a promise rejects with; 'resolved' when it does not. */
export async function reasonOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'resolved';
  } catch (error) {
    return AppError.from(error).reason;
  }
}

export function lower(tier: LowerTier['tier'], write: LowerTier['write'] = { kind: 'write_through' }): LowerTier[] {
  return [{ tier, write }];
}

/** Lets the store's background work go on until nothing of it can. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
