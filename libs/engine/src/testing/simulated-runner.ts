import { PAGE_TOKENS } from '../limits.js';
import type { CompiledPolicy } from '@longhaul/attention';
import type {
  LoadGate,
  ModelRunner,
  RopeTables,
  RunnerResult,
  RunnerStep,
  SequenceAttentionOptions,
  SequenceAttentionStatistics,
  StepAttention,
} from '../ports.js';
import type { PageTransfer } from '../store/page-transfer.js';
import { sampleReference, scoreReference } from '../sampling/sampler.js';
import { mix } from './mix.js';
import { blockBegin, blockEnd, SimulatedAttention } from './simulated-attention.js';
import { SimulatedGate } from './simulated-gate.js';

export { mix } from './mix.js';
export const VOCAB = 48;
/** Every layer stores the same; a step reads them one after the other. */
export const LAYERS = 3;
const PAGE_BYTES = Float64Array.BYTES_PER_ELEMENT * PAGE_TOKENS;
const UNWRITTEN = -1;
const POISON = -2;

/** What the simulated model stores for a token: depends on everything before it, its position and its rotation. */
export function storedValue(state: number, token: number, position: number, rope: number): number {
  return mix(mix(mix(state, token), position), rope);
}

export type RecallAt = (position: number, policy: CompiledPolicy) => number;

/** Logits after everything that `state` has folded in. */
export function logitsOf(state: number): Float32Array {
  return Float32Array.from({ length: VOCAB }, (_, token) => (mix(state, token) / 2 ** 32) * 8 - 4);
}

/**
 * A model whose next token is a hash of all visible tokens, read through the block table from a simulated page store:
 * a wrong page, stale contents, a wrong position or a page that was freed too early changes the output or throws.
 */
export class SimulatedRunner implements ModelRunner, PageTransfer {
  readonly #layers: readonly Float64Array[];
  /** Every step taken, for assertions about batches. */
  readonly steps: RunnerStep[] = [];
  /** Called before a step is computed; may wait or throw. */
  beforeStep: (request: RunnerStep, index: number) => Promise<void> | void = () => undefined;
  /** Called when a step has been computed, before it is answered; may throw. */
  afterStep: (request: RunnerStep) => void = () => undefined;
  /** Called before a transfer moves anything; may wait or throw. */
  beforeTransfer: (direction: 'export' | 'import', layer?: number) => Promise<void> | void = () => undefined;
  /** Attention states that are not closed, and those that were ever opened by forking another one. */
  openStates = 0;
  forkedStates = 0;
  /** Every gate opened. */
  readonly gates: SimulatedGate[] = [];
  /** Rows for which the model returns NaN logits, by last token. */
  nanAfterToken: number | null = null;
  /** Every row is NaN. */
  allNaN = false;
  /** What an audited query keeps of the attention's mass, by its position and under its policy. */
  recallAt: RecallAt = () => 0.9;
  /** Multiplies every logit, for rows at the ends of f32. */
  logitScale = 1;

  /** Behind the pages of the engine. */
  readonly scratchPage: number;

  constructor(pages: number) {
    this.scratchPage = pages;
    this.#layers = Array.from({ length: LAYERS }, () => new Float64Array((pages + 1) * PAGE_TOKENS).fill(UNWRITTEN));
  }

  async step(request: RunnerStep): Promise<RunnerResult> {
    this.steps.push(request);
    await this.beforeStep(request, this.steps.length - 1);
    const rows = this.#compute(request, await this.#passGates(request));
    this.afterStep(request);
    return {
      samples: request.samples.map((spec) => sampleReference(rows[spec.row] as Float32Array, spec)),
      scores: request.scores.map(({ row, token, logprobs }) =>
        scoreReference(rows[row] as Float32Array, token, logprobs),
      ),
      logits: this.#wanted(request, rows),
      runMs: 0,
      sampleMs: 0,
      attention: {
        ...{ layers: LAYERS, kvReadBytes: 0 },
        sequences: request.attention.map((of) => simulatedStatistics(request, of, this.recallAt)),
      },
    };
  }

  #wanted({ wantLogits }: RunnerStep, rows: readonly Float32Array[]): Float32Array | null {
    if (wantLogits === false) return null;
    const wanted = wantLogits === true ? rows : Array.from(wantLogits, (row) => rows[row] as Float32Array);
    return Float32Array.from(wanted.flatMap((row) => [...row]));
  }

  copyPage(from: number, to: number): void {
    for (const layer of this.#layers) layer.copyWithin(to * PAGE_TOKENS, from * PAGE_TOKENS, (from + 1) * PAGE_TOKENS);
  }

  poison(pages: Int32Array): void {
    for (const layer of this.#layers) {
      for (const page of pages) layer.fill(POISON, page * PAGE_TOKENS, (page + 1) * PAGE_TOKENS);
    }
  }

  openGate(options: { layers: number; patienceMs: number }): LoadGate {
    const gate = new SimulatedGate(options);
    this.gates.push(gate);
    return gate;
  }

  openAttention(policy: CompiledPolicy, options: SequenceAttentionOptions = {}): SimulatedAttention {
    const told = (change: 'opened' | 'forked' | 'closed') => {
      this.openStates += change === 'closed' ? -1 : 1;
      this.forkedStates += change === 'forked' ? 1 : 0;
    };
    return new SimulatedAttention(policy, told, { options, forked: null });
  }

  /** Stored values as K, their complement as V: one head, two 32-bit dimensions. */
  async exportBlock(pages: Int32Array, begin: number, end: number, sections: readonly Uint8Array[]): Promise<void> {
    await this.beforeTransfer('export');
    for (let layer = begin; layer < end; layer++) {
      pages.forEach((page, i) => {
        const values = this.#bytesOf(layer, page);
        if (this.#layers[layer]?.[page * PAGE_TOKENS] === POISON) throw new Error(`page ${page} is exported when free`);
        sections[2 * (layer - begin)]?.set(values, PAGE_BYTES * i);
        sections[2 * (layer - begin) + 1]?.set(
          values.map((byte) => 255 - byte),
          PAGE_BYTES * i,
        );
      });
    }
  }

  /** @param end the layer after `begin`. */
  async importBlock(pages: Int32Array, begin: number, end: number, sections: readonly Uint8Array[]): Promise<void> {
    await this.beforeTransfer('import', begin);
    for (let layer = begin; layer < end; layer++) this.#importLayer(pages, layer, sections.slice(2 * (layer - begin)));
  }

  #importLayer(pages: Int32Array, layer: number, [keys, values]: readonly Uint8Array[]): void {
    pages.forEach((page, i) => {
      if (page < 0) return;
      const range = [PAGE_BYTES * i, PAGE_BYTES * (i + 1)] as const;
      const written = keys?.subarray(...range) ?? new Uint8Array();
      if (values?.subarray(...range).some((byte, at) => byte !== 255 - (written[at] ?? 0)) ?? true) {
        throw new Error('K and V were mixed up');
      }
      this.#bytesOf(layer, page).set(written);
    });
  }

  #bytesOf(layer: number, page: number): Uint8Array {
    return new Uint8Array(this.#layers[layer]?.buffer as ArrayBuffer, PAGE_BYTES * page, PAGE_BYTES);
  }

  /** Waits layer by layer, and looks at what is there then. @returns sequences whose gate was cancelled. */
  async #passGates(request: RunnerStep): Promise<ReadonlySet<number>> {
    const skipped = new Set<number>();
    for (let layer = 0; layer < LAYERS; layer++) {
      for (const { sequence, gate } of request.gates) {
        if (!(await (gate as SimulatedGate).wait(layer))) skipped.add(sequence);
        else if (!skipped.has(sequence)) this.#requireLayer(request, sequence, layer);
      }
    }
    return skipped;
  }

  #requireLayer(request: RunnerStep, b: number, layer: number): void {
    for (let position = 0; position < (request.pastLens[b] ?? 0); position++) {
      const value = this.#layers[layer]?.[slotOf(request, b, position)] ?? UNWRITTEN;
      if (value < 0) throw new Error(`sequence ${b} passed layer ${layer} without its KV at position ${position}`);
    }
  }

  /** [R] rows of logits. */
  #compute(request: RunnerStep, skipped: ReadonlySet<number>): Float32Array[] {
    assertDisjointWrites(request);
    const logits: Float32Array[] = [];
    request.pastLens.forEach((past, b) => {
      const begin = request.cuSeqlens[b] as number;
      const end = request.cuSeqlens[b + 1] as number;
      const rope = request.ropeInvFreq[b] as number;
      let state = 0;
      if (skipped.has(b)) {
        request.logitRows.forEach((row, index) => {
          if (row >= begin && row < end) logits[index] = logitsOf(0);
        });
        return;
      }
      const attention = request.attention.find(({ sequence }) => sequence === b) ?? null;
      for (let position = 0; position < past; position++) state = mix(state, this.#read(request, b, position));
      for (let row = begin; row < end; row++) {
        const position = past + row - begin;
        const token = request.tokenIds[row] as number;
        const slot = slotOf(request, b, position);
        const seen = attention === null ? null : seenBy(attention, { request, begin, end, past, position, state });
        const context = seen === null ? state : mix(state, seen);
        for (const layer of this.#layers) layer[slot] = storedValue(context, token, position, rope);
        const stored = this.#read(request, b, position);
        state = mix(state, stored);
        const index = request.logitRows.indexOf(row);
        if (index >= 0) logits[index] = this.#logits(mix(context, stored), token);
      }
    });
    return logits;
  }

  #logits(state: number, token: number): Float32Array {
    const row = logitsOf(state);
    if (this.allNaN || token === this.nanAfterToken) return row.fill(NaN);
    return this.logitScale === 1 ? row : row.map((z) => z * this.logitScale);
  }

  #read(request: RunnerStep, b: number, position: number): number {
    const slot = slotOf(request, b, position);
    const value = this.#layers[0]?.[slot] as number;
    if (value === POISON) throw new Error(`sequence ${b} reads a freed page at position ${position}`);
    if (value === UNWRITTEN) throw new Error(`sequence ${b} reads position ${position}, which was never written`);
    if (this.#layers.some((layer) => layer[slot] !== value)) throw new Error(`layers differ at position ${position}`);
    return value;
  }
}

/** What a row sees under its policy, whose block of queries is what the step has of it. */
function seenBy(
  { state: attention, decodeFrom }: StepAttention,
  at: { request: RunnerStep; begin: number; end: number; past: number; position: number; state: number },
): number | null {
  const { request, past, position, state } = at;
  const begin = Math.max(past, blockBegin(position, decodeFrom));
  const end = Math.min(past + at.end - at.begin, blockEnd(position, decodeFrom));
  const tokens = request.tokenIds.subarray(at.begin + begin - past, at.begin + end - past);
  return (attention as SimulatedAttention).see({ position, state }, { begin, tokens }, decodeFrom);
}

/** Every second page is read where attention is not dense. */
function simulatedStatistics(
  request: RunnerStep,
  { sequence, decodeFrom, state }: StepAttention,
  recallAt: RecallAt,
): SequenceAttentionStatistics {
  const { options, policy } = state as SimulatedAttention;
  const { audit } = options;
  const recalls: number[] = [];
  const past = request.pastLens[sequence] as number;
  const rows = (request.cuSeqlens[sequence + 1] as number) - (request.cuSeqlens[sequence] as number);
  const visible = { prefill: 0, decode: 0 };
  for (let position = past; position < past + rows; position++) {
    visible[position < decodeFrom ? 'prefill' : 'decode'] += LAYERS * Math.ceil((position + 1) / PAGE_TOKENS);
    if (audit !== undefined && isSampled(audit, position)) recalls.push(recallAt(position, policy));
  }
  const recallSum = recalls.reduce((sum, recall) => sum + recall, 0);
  return {
    ...{ prefillVisible: visible.prefill, prefillRead: visible.prefill / 2 },
    ...{ decodeVisible: visible.decode, decodeRead: visible.decode / 4, kvReadBytes: 100 * rows },
    audit: {
      ...{ samples: recalls.length, recallSum, recallLeast: Math.min(1, ...recalls) },
      errorSum: recalls.length - recallSum,
    },
  };
}

function isSampled({ key, share }: { key: bigint; share: number }, position: number): boolean {
  return mix(Number(key & 0xffffffffn), position) / 2 ** 32 < share;
}

function slotOf(request: RunnerStep, b: number, position: number): number {
  const page = request.blockTable[b * request.blockTableWidth + Math.floor(position / PAGE_TOKENS)];
  if (page === undefined) throw new Error(`sequence ${b} has no page for position ${position}`);
  return page * PAGE_TOKENS + (position % PAGE_TOKENS);
}

/** No sequence may write to a page that another one of the batch uses. */
function assertDisjointWrites(request: RunnerStep): void {
  const users = new Map<number, number>();
  const written: number[] = [];
  request.pastLens.forEach((past, b) => {
    const end = past + (request.cuSeqlens[b + 1] as number) - (request.cuSeqlens[b] as number);
    for (let position = 0; position < end; position += PAGE_TOKENS) {
      const page = slotOf(request, b, position) / PAGE_TOKENS;
      users.set(page, (users.get(page) ?? 0) + 1);
      if (position + PAGE_TOKENS > past) written.push(page);
    }
  });
  const shared = written.find((page) => (users.get(page) ?? 0) > 1);
  if (shared !== undefined) throw new Error(`page ${shared} is written while another sequence of the batch uses it`);
}

/** One class, one pair: the frequency is the only value, and it depends on the length of the text as with longrope. */
export const simulatedRope: RopeTables = {
  classes: 1,
  pairs: 1,
  forLength: (tokens) => {
    const [frequency, longestTokens] = tokens > 400 ? [2, Infinity] : [1, 400];
    return { key: `f${frequency}`, longestTokens, invFreq: Float32Array.of(frequency), scale: Float32Array.of(1) };
  },
};
