import { PAGE_TOKENS, type SampleSpec, type StepRequest } from '@longhaul/engine-native';
import { type ModelManifest, ropeTables } from '@longhaul/model';

/** New tokens of one sequence whose pages lie in a row. */
export interface StepPart {
  tokens: readonly number[];
  past: number;
  firstPage: number;
}

/** One step that computes all parts and draws the greedy next token of each. */
export function buildStep(
  manifest: ModelManifest,
  parts: readonly StepPart[],
  { lengthTokens, attention }: { lengthTokens: number; attention: NonNullable<StepRequest['attention']> },
): StepRequest {
  const cuSeqlens = Int32Array.from({ length: parts.length + 1 }, (_, i) => countTokens(parts.slice(0, i)));
  const width = Math.max(...parts.map((part) => Math.ceil((part.past + part.tokens.length) / PAGE_TOKENS)));
  const blockTable = parts.flatMap((part) => Array.from({ length: width }, (_, i) => part.firstPage + i));
  return {
    tokenIds: Int32Array.from(parts.flatMap((part) => part.tokens)),
    cuSeqlens,
    pastLens: Int32Array.from(parts, (part) => part.past),
    blockTable: Int32Array.from(blockTable),
    blockTableWidth: width,
    ...rope(manifest, parts.length, lengthTokens),
    attention,
    logitRows: cuSeqlens.slice(1).map((end) => end - 1),
    samples: parts.map((part, row) => greedy(row, part.past + part.tokens.length)),
    scores: [],
    wantLogits: false,
  };
}

function countTokens(parts: readonly StepPart[]): number {
  return parts.reduce((sum, part) => sum + part.tokens.length, 0);
}

type Rope = Pick<StepRequest, 'ropeInvFreq' | 'ropeScale' | 'ropeClasses'>;

function rope({ ropeClasses }: ModelManifest, sequences: number, lengthTokens: number): Rope {
  const tables = ropeClasses.map((ropeClass) => ropeTables(ropeClass, lengthTokens));
  const pairs = Math.max(...tables.map((table) => table.invFreq.length));
  const ropeInvFreq = new Float32Array(tables.length * sequences * pairs);
  const ropeScale = new Float32Array(tables.length * sequences);
  for (const [c, table] of tables.entries()) {
    for (let b = 0; b < sequences; b++) {
      ropeInvFreq.set(table.invFreq, (c * sequences + b) * pairs);
      ropeScale[c * sequences + b] = table.scale;
    }
  }
  return { ropeInvFreq, ropeScale, ropeClasses: tables.length };
}

function greedy(row: number, position: number): SampleSpec {
  return {
    row,
    position,
    temperature: 0,
    topP: 1,
    topK: 0,
    minP: 0,
    repetitionPenalty: 1,
    presencePenalty: 0,
    frequencyPenalty: 0,
    seenTokens: new Int32Array(0),
    seenCounts: new Int32Array(0),
    biasTokens: new Int32Array(0),
    biasValues: new Float32Array(0),
    bannedTokens: new Int32Array(0),
    seed: 0n,
    stream: 0,
    logprobs: -1,
  };
}
