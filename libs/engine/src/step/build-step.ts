import { pagesFor } from '../limits.js';
import type { AttentionStates } from '../attention/attention-states.js';
import type { RopeTables, RunnerStep, SampleSpec, ScoreSpec, StepAttention } from '../ports.js';
import type { PlannedItem } from '../scheduler/planned-item.js';
import type { Sequence } from '../sequence/sequence.js';

/** Where the results of one item are in the runner's answer. */
export interface ItemResults {
  readonly item: PlannedItem;
  /**
   * Range of samples: one; one per choice when the prompt of a request with several choices ends here; or one for the text
   * and one for each drafted token.
   */
  readonly firstSample: number;
  readonly samples: number;
  readonly firstScore: number;
  readonly scores: number;
  /** Index in the statistics of sequences; null: dense. */
  readonly attention: number | null;
}

type RowResults = Omit<ItemResults, 'attention'>;

export interface BuiltStep {
  readonly request: RunnerStep;
  readonly results: readonly ItemResults[];
  /** Items, by index, whose draw's logits are returned, in this order. */
  readonly compared: readonly number[];
}

export interface StepParts {
  readonly rope: RopeTables;
  readonly states: AttentionStates;
  /** Ascending; each has one draw. */
  readonly compared: readonly number[];
}

const EMPTY = new Int32Array(0);

/** Flattens the planned sequences into the runner's ragged batch. */
export function buildStep(items: readonly PlannedItem[], { rope, states, compared }: StepParts): BuiltStep {
  const rows = new RowCollector();
  const attention = attentionOf(items, states);
  const indices = new Map(attention.map(({ sequence }, index) => [sequence, index]));
  const results = items.map((item, sequence) => ({ ...rows.add(item), attention: indices.get(sequence) ?? null }));
  const blockTableWidth = Math.max(...items.map(({ past, tokens }) => pagesFor(past + tokens)));
  const request: RunnerStep = {
    tokenIds: flattenTokens(items),
    cuSeqlens: rows.boundaries(),
    pastLens: Int32Array.from(items, ({ past }) => past),
    blockTable: flattenTables(items, blockTableWidth),
    blockTableWidth,
    ...ropeOf(items, rope),
    ropeClasses: rope.classes,
    attention,
    logitRows: Int32Array.from(rows.logitRows),
    samples: rows.samples,
    scores: rows.scores,
    gates: items.flatMap(({ gated }, sequence) => (gated === null ? [] : [{ sequence, gate: gated.gate }])),
    wantLogits: compared.length > 0 && drawRows(compared, { results, samples: rows.samples }),
  };
  return { request, results, compared };
}

/** Indices into `logitRows`. */
function drawRows(
  items: readonly number[],
  { results, samples }: { results: readonly ItemResults[]; samples: readonly SampleSpec[] },
): Int32Array {
  return Int32Array.from(items, (index) => samples[results[index]?.firstSample ?? -1]?.row ?? -1);
}

/** Collects, item by item, the rows whose logits are needed and what to do with them. */
class RowCollector {
  readonly logitRows: number[] = [];
  readonly samples: SampleSpec[] = [];
  readonly scores: ScoreSpec[] = [];
  readonly #ends: number[] = [0];

  add(item: PlannedItem): RowResults {
    const firstRow = this.#ends.at(-1) ?? 0;
    this.#ends.push(firstRow + item.tokens);
    const firstScore = this.scores.length;
    const firstSample = this.samples.length;
    this.#addScores(item, firstRow);
    this.#addSamples(item, firstRow);
    const samples = this.samples.length - firstSample;
    return { item, firstSample, samples, firstScore, scores: this.scores.length - firstScore };
  }

  boundaries(): Int32Array {
    return Int32Array.from(this.#ends);
  }

  #addScores({ sequence, past, tokens }: PlannedItem, firstRow: number): void {
    const collected = sequence.owner.promptLogprobs;
    const wanted = sequence.owner.request.promptLogprobs;
    if (collected === null || wanted === null) return;
    // Row i predicts token i + 1. After a preemption the tokens scored before are not scored again.
    for (let i = 0; i < tokens; i++) {
      const position = past + i + 1;
      if (position < collected.length || position >= sequence.promptLength) continue;
      this.scores.push({ row: this.#row(firstRow + i), token: sequence.tokens.at(position), logprobs: wanted });
    }
  }

  #addSamples(item: PlannedItem, firstRow: number): void {
    const { sequence, past, tokens, drafts } = item;
    if (past + tokens < sequence.tokens.length) return;
    if (drafts.length > 0) {
      this.#addVerification(item, firstRow + tokens - drafts.length - 1);
      return;
    }
    const row = this.#row(firstRow + tokens - 1);
    const choices = sequence.owner.forkPending ? sequence.owner.request.n : 1;
    for (let i = 0; i < choices; i++) this.samples.push(sampleSpec(sequence, row, sequence.choice + i));
  }

  /** One draw behind the last token of the text and one behind each drafted token, as if those before it were the text. */
  #addVerification({ sequence, drafts }: PlannedItem, firstRow: number): void {
    const seen = sequence.statistics?.ahead(drafts) ?? null;
    for (let ahead = 0; ahead <= drafts.length; ahead++) {
      const spec = sampleSpec(sequence, this.#row(firstRow + ahead), sequence.choice, ahead);
      this.samples.push(seen === null ? spec : { ...spec, ...seen[ahead] });
    }
  }

  /** Index in `logitRows` of a row of the batch; rows come in ascending order. */
  #row(row: number): number {
    if (this.logitRows.at(-1) !== row) this.logitRows.push(row);
    return this.logitRows.length - 1;
  }
}

/** @param ahead drafted tokens between the text and the token to be drawn. */
function sampleSpec(sequence: Sequence, row: number, stream: number, ahead = 0): SampleSpec {
  const { request, biasTokens, biasValues, endTokens } = sequence.owner;
  const { temperature, topP, topK, minP, repetitionPenalty, presencePenalty, frequencyPenalty, seed } =
    request.sampling;
  return {
    row,
    ...{ temperature, topP, topK, minP, repetitionPenalty, presencePenalty, frequencyPenalty, seed },
    seenTokens: sequence.statistics?.tokens() ?? EMPTY,
    seenCounts: sequence.statistics?.counts() ?? EMPTY,
    biasTokens,
    biasValues,
    bannedTokens: sequence.outputLength + ahead < request.stop.minTokens ? endTokens : EMPTY,
    stream,
    position: sequence.tokens.length + ahead,
    logprobs: request.logprobs ?? -1,
  };
}

function flattenTokens(items: readonly PlannedItem[]): Int32Array {
  const tokenIds = new Int32Array(items.reduce((sum, { tokens }) => sum + tokens, 0));
  let end = 0;
  for (const { sequence, past, tokens, drafts } of items) {
    tokenIds.set(sequence.tokens.view(past, past + tokens - drafts.length), end);
    end += tokens;
    tokenIds.set(drafts, end - drafts.length);
  }
  return tokenIds;
}

function flattenTables(items: readonly PlannedItem[], width: number): Int32Array {
  const table = new Int32Array(items.length * width);
  items.forEach(({ sequence, reservation, gated }, b) => {
    table.set(sequence.pages.view(), b * width);
    table.set(gated?.pages ?? [], b * width + sequence.pages.length);
    if (reservation.replaced !== null) table[b * width + reservation.replaced.index] = reservation.replaced.page;
    table.set(reservation.appended, b * width + sequence.pages.length + (gated?.pages.length ?? 0));
  });
  return table;
}

/** Only sequences under a policy have any. */
function attentionOf(items: readonly PlannedItem[], states: AttentionStates): StepAttention[] {
  return items.flatMap((item, sequence) => {
    const attention = item.sequence.attention.begin(item, states);
    return attention === null ? [] : [{ sequence, ...attention }];
  });
}

function ropeOf(
  items: readonly PlannedItem[],
  rope: RopeTables,
): { ropeInvFreq: Float32Array; ropeScale: Float32Array } {
  const { classes, pairs } = rope;
  const ropeInvFreq = new Float32Array(classes * items.length * pairs);
  const ropeScale = new Float32Array(classes * items.length);
  for (let c = 0; c < classes; c++) {
    items.forEach(({ sequence }, b) => {
      const table = sequence.rope;
      ropeInvFreq.set(table.invFreq.subarray(c * pairs, (c + 1) * pairs), (c * items.length + b) * pairs);
      ropeScale[c * items.length + b] = table.scale[c] ?? 1;
    });
  }
  return { ropeInvFreq, ropeScale };
}
