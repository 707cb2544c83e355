import {
  ALL_LAYERS,
  type BlockHead,
  type BlockOutcome,
  type BlockSection,
  type GetFrame,
  type GetRequest,
  sectionsOfLayers,
  verifySection,
} from '@longhaul/kv-core';
import type { CallGuard } from '../call-guard.js';
import type { StoreObserver } from '../ports.js';
import type { Lease, LeaseTable, Residence } from '../residence/index.js';
import { storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';
import { fastestOf, RAM, tierName, type TierSet } from '../tiers/index.js';
import type { ReadResult } from './copy-reader.js';
import { type HeadParts, type HeadResult, readBlockHead } from './head-reader.js';
import type { Promoter, Promotion } from './promoter.js';
import { type Pace, type ReadBudget, readAhead, type ReadStep } from './read-ahead.js';

/** Sections of one layer that lie side by side are one read, up to so many bytes and with so small gaps. */
const MAX_READ_BYTES = 8 * 2 ** 20;
const MAX_GAP_BYTES = 4096;
/** What one get may read beyond the layer at hand, of all its blocks together: fewer and longer reads of a lower tier. */
const MAX_SPAN_BYTES = 16 * 2 ** 20;

export interface GetParts extends HeadParts {
  readonly residence: Pick<Residence, 'hold' | 'unhold'>;
  readonly leases: Pick<LeaseTable, 'alive' | 'extend'>;
  readonly tiers: Pick<TierSet, 'readable'>;
  readonly promoter: Promoter;
  readonly budget: ReadBudget;
  readonly observer: StoreObserver;
  readonly limits: Pick<StoreLimits, 'maxFrameBytes' | 'readAheadSections' | 'tierDeadlineMs'>;
}

/** Bytes of later layers that came with a read, verified. */
interface Span {
  /** In the block. */
  readonly from: number;
  readonly bytes: Uint8Array;
  /** Taken from the budget. */
  readonly charged: number;
}

interface OpenBlock {
  readonly index: number;
  readonly slot: number;
  head: BlockHead | null;
  /** What is still to be sent, in order. */
  sections: readonly BlockSection[];
  next: number;
  span: Span | null;
  promotion: Promotion | null;
  outcome: BlockOutcome | null;
}

interface Piece {
  readonly block: OpenBlock;
  readonly sections: readonly BlockSection[];
  readonly result: ReadResult;
}

/** One get: all blocks' heads, all blocks' sections of no layer, all blocks' layer after layer. */
export class GetStream {
  readonly #parts: GetParts;
  readonly #request: GetRequest;
  readonly #blocks: OpenBlock[];
  /** Blocks from here on are of no use: one before them failed. */
  #cut: number;
  readonly #lease: Lease;
  readonly #guard: CallGuard;
  /** The consumer has left: reads that are still under way keep nothing. */
  #left = false;

  constructor(parts: GetParts, request: GetRequest, { lease, guard }: { lease: Lease; guard: CallGuard }) {
    this.#parts = parts;
    this.#request = request;
    this.#lease = lease;
    this.#guard = guard;
    const { blocks, residence } = parts;
    const leased = new Set(lease.slots);
    this.#blocks = request.keys.map((key, index) => {
      const found = blocks.find(key);
      const slot = leased.has(found) ? found : -1;
      if (slot >= 0) residence.hold(slot);
      return { index, slot, head: null, sections: [], next: 0, span: null, promotion: null, outcome: null };
    });
    this.#cut = this.#blocks.length;
  }

  async *frames(): AsyncGenerator<GetFrame, void, undefined> {
    try {
      yield* this.#heads();
      yield* this.#layer(ALL_LAYERS);
      for (let layer = this.#request.layerBegin; layer < this.#request.layerEnd && this.#cut > 0; layer++) {
        yield* this.#layer(layer);
      }
      for (const block of this.#blocks) if (!block.outcome) yield this.#end(block, 'ok');
      yield { kind: 'done', blocksOk: this.#cut };
    } finally {
      this.#left = true;
      for (const block of this.#blocks) {
        block.promotion?.end();
        this.#drop(block);
        if (block.slot >= 0) this.#parts.residence.unhold(block.slot);
      }
    }
  }

  async *#heads(): AsyncGenerator<GetFrame, void, undefined> {
    const results = readAhead(this.#headSteps(), this.#pace());
    for await (const { block, result } of results) {
      if (block.index >= this.#cut) continue;
      yield* this.#progress();
      if (result.kind !== 'ok') {
        yield* this.#failFrom(block, result.kind);
        continue;
      }
      this.#open(block, result);
      yield { kind: 'head', block: block.index, bytes: result.bytes };
    }
  }

  #open(block: OpenBlock, { head, bytes }: Extract<HeadResult, { kind: 'ok' }>): void {
    const { layerBegin, layerEnd } = this.#request;
    block.head = head;
    block.sections = sectionsOfLayers(head, layerBegin, layerEnd);
    if (block.sections.length !== head.sections.length) return;
    block.promotion = this.#parts.promoter.begin(block.slot, bytes, head.sections.length);
  }

  *#headSteps(): Generator<ReadStep<{ block: OpenBlock; result: HeadResult }>> {
    const { blocks } = this.#parts;
    for (const block of this.#blocks) {
      if (block.index >= this.#cut) return;
      const { slot } = block;
      const bytes = slot < 0 || blocks.inTier(slot, RAM) ? 0 : blocks.headBytesOf(slot);
      yield { bytes, run: async () => ({ block, result: await this.#readHead(block) }) };
    }
  }

  async #readHead({ slot }: OpenBlock): Promise<HeadResult> {
    if (slot < 0) return { kind: 'not_found' };
    const { blocks, promoter, tiers } = this.#parts;
    const { namespace } = this.#request;
    const fastest = fastestOf(blocks.tiersOf(slot) & tiers.readable);
    if (tierName(fastest) === 'object') await promoter.fetch(slot, namespace);
    return readBlockHead(this.#parts, slot, namespace);
  }

  async *#layer(layer: number): AsyncGenerator<GetFrame, void, undefined> {
    for await (const { block, sections, result } of readAhead(this.#layerSteps(layer), this.#pace())) {
      if (block.index >= this.#cut) continue;
      yield* this.#progress();
      if (result.kind !== 'ok') {
        yield* this.#failFrom(block, result.kind);
        continue;
      }
      const from = sections[0]?.offset ?? 0;
      for (const section of sections) {
        const at = section.offset - from;
        const bytes = result.bytes.subarray(at, at + section.storedBytes);
        block.promotion?.section(section, bytes);
        yield* this.#send(block, section, bytes);
      }
    }
  }

  *#layerSteps(layer: number): Generator<ReadStep<Piece>> {
    for (const block of this.#blocks) {
      for (;;) {
        if (block.index >= this.#cut) return;
        const sections = takeRead(block, layer);
        const first = sections[0];
        const last = sections.at(-1);
        if (!first || !last) break;
        const length = last.offset + last.storedBytes - first.offset;
        yield {
          bytes: block.span || this.#parts.blocks.inTier(block.slot, RAM) ? 0 : length,
          run: () => this.#readSections(block, sections, length),
        };
      }
    }
  }

  #readSections(block: OpenBlock, sections: readonly BlockSection[], length: number): Piece | Promise<Piece> {
    const offset = sections[0]?.offset ?? 0;
    const held = this.#fromSpan(block, offset, length);
    if (held) return { block, sections, result: { kind: 'ok', bytes: held } };
    const later = this.#laterSections(block, offset + length);
    const furthest = later.at(-1);
    const charged = furthest ? furthest.offset + furthest.storedBytes - offset - length : 0;
    const check = (bytes: Uint8Array) => {
      for (const section of [...sections, ...later]) {
        const at = section.offset - offset;
        verifySection(section, bytes.subarray(at, at + section.storedBytes), this.#parts.checksum);
      }
    };
    const result = this.#parts.copies.read(block.slot, { offset, length: length + charged, check });
    if (!(result instanceof Promise)) return this.#arrived({ block, sections, result }, { offset, length, charged });
    return result.then((read) => this.#arrived({ block, sections, result: read }, { offset, length, charged }));
  }

  /** Keeps what came beyond the sections asked for. */
  #arrived(piece: Piece, read: { offset: number; length: number; charged: number }): Piece {
    const { block, sections, result } = piece;
    const { offset, length, charged } = read;
    if (charged === 0) return piece;
    if (result.kind !== 'ok' || block.index >= this.#cut || this.#left) {
      this.#parts.budget.give(charged);
      return piece;
    }
    block.span = { from: offset + length, bytes: result.bytes.subarray(length), charged };
    return { block, sections, result: { kind: 'ok', bytes: result.bytes.subarray(0, length) } };
  }

  #fromSpan(block: OpenBlock, offset: number, length: number): Uint8Array | null {
    const { span } = block;
    if (!span) return null;
    const at = offset - span.from;
    const end = at + length;
    const held = at >= 0 && end <= span.bytes.length ? span.bytes.subarray(at, end) : null;
    if (!held || end === span.bytes.length) this.#drop(block);
    return held;
  }

  #drop(block: OpenBlock): void {
    if (block.span) this.#parts.budget.give(block.span.charged);
    block.span = null;
  }

  /** Sections of later layers right behind `end` that the read may bring along; their bytes are taken from the budget. */
  #laterSections(block: OpenBlock, end: number): readonly BlockSection[] {
    const { blocks, budget } = this.#parts;
    if (blocks.inTier(block.slot, RAM)) return [];
    const room = MAX_SPAN_BYTES / this.#blocks.length;
    let last = block.next;
    let at = end;
    for (let section = block.sections[last]; section; section = block.sections[last]) {
      const gap = section.offset - at;
      if (gap < 0 || gap >= MAX_GAP_BYTES || section.offset + section.storedBytes - end > room) break;
      at = section.offset + section.storedBytes;
      last += 1;
    }
    return at > end && budget.take(at - end, false) ? block.sections.slice(block.next, last) : [];
  }

  async *#send(block: OpenBlock, section: BlockSection, bytes: Uint8Array): AsyncGenerator<GetFrame> {
    const { limits, observer } = this.#parts;
    for (let offset = 0; offset < bytes.length; offset += limits.maxFrameBytes) {
      yield* this.#progress();
      const part = bytes.subarray(offset, offset + limits.maxFrameBytes);
      observer.counted('get_bytes', part.length, {});
      const frame = { kind: 'data', block: block.index, section: section.index, offset, bytes: part } as const;
      yield part.length === bytes.length ? { ...frame, crc32c: section.crc32c } : frame;
    }
  }

  /** Between two frames: the caller may have left, and the lease must still hold what is being read. */
  *#progress(): Generator<GetFrame> {
    this.#guard.check();
    const { leases } = this.#parts;
    if (leases.alive(this.#lease)) {
      leases.extend(this.#lease);
      return;
    }
    for (const block of this.#blocks) if (!block.outcome) yield this.#end(block, 'lease_expired');
    throw storeErrors.leaseExpired('The lease expired before everything was sent; use none of these blocks.');
  }

  /** Blocks after a hole are of no use: they end as cancelled, and nothing more is read for them. */
  *#failFrom(block: OpenBlock, outcome: BlockOutcome): Generator<GetFrame> {
    this.#cut = block.index;
    yield this.#end(block, outcome);
    for (const later of this.#blocks.slice(block.index + 1)) if (!later.outcome) yield this.#end(later, 'cancelled');
  }

  #end(block: OpenBlock, outcome: BlockOutcome): GetFrame {
    block.outcome = outcome;
    block.promotion?.end();
    return { kind: 'end', block: block.index, outcome };
  }

  #pace(): Pace {
    const { budget, limits } = this.#parts;
    return { depth: limits.readAheadSections, budget, wait: (work) => this.#wait(work) };
  }

  /** While the consumer waits for the store, the lease does not run out. */
  #wait<T>(work: T | Promise<T>): Promise<T> {
    const { leases, limits } = this.#parts;
    if (work instanceof Promise && leases.alive(this.#lease)) {
      leases.extend(this.#lease, Math.max(this.#lease.lengthMs, 2 * limits.tierDeadlineMs));
    }
    return this.#guard.wait(work);
  }
}

/** The block's next sections of the layer that one read can bring; none when the layer is through. */
function takeRead(block: OpenBlock, layer: number): BlockSection[] {
  const taken: BlockSection[] = [];
  for (;;) {
    const section = block.sections[block.next];
    if (!section || section.layer !== layer) return taken;
    const first = taken[0] ?? section;
    const last = taken.at(-1) ?? section;
    const gap = section.offset - (last.offset + last.storedBytes);
    const length = section.offset + section.storedBytes - first.offset;
    if (taken.length > 0 && (gap < 0 || gap >= MAX_GAP_BYTES || length > MAX_READ_BYTES)) return taken;
    taken.push(section);
    block.next += 1;
  }
}
