import { compilePolicy, type HeadPlan, type ModelShape } from '@longhaul/attention';
import { attentionShape } from '@longhaul/decode-worker';
import { type Engine, type KvDtype, type StepRequest } from '@longhaul/engine-native';
import { type ModelManifest } from '@longhaul/model';
import { type Sparsity } from '../cases.js';
import { type StepPart } from './build-step.js';

/** Tokens of a unit of prefill, and the least list of a decode step. */
const BLOCK_TOKENS = 128;
const LEAST_TOKENS = 256;
const ALWAYS_DECODE = 0;
const NEVER_DECODE = 2 ** 30;
/** Which queries are audited follows from it; any will do. */
const AUDIT_KEY = 0x5eed_0f_a0d17n;

type Attention = NonNullable<StepRequest['attention']>;

/**
 * Sparse attention whose lists have a given share of what is visible, whatever the scores are: random weights look at
 * everything alike, so a policy that chooses by mass would choose nearly all. Scoring and choosing are done as by the
 * policies themselves: antidiagonals of XAttention in prefill, key bounds of Quest in decode.
 */
export class FixedDensity {
  readonly #engine: Engine;
  readonly #shape: ModelShape;

  constructor(engine: Engine, manifest: ModelManifest, kv: KvDtype) {
    this.#engine = engine;
    this.#shape = attentionShape(manifest, { kvDtype: kv, channels: ['key-bounds'], artefacts: {} });
  }

  /** The attention of a step whose parts all look at the same share of what they see. */
  of(parts: readonly StepPart[], { density, auditShare }: Sparsity): Attention {
    const audit = auditShare === undefined ? {} : { audit: { key: AUDIT_KEY, share: auditShare } };
    return parts.map(({ past, tokens }, sequence) => {
      const isDecode = tokens.length === 1;
      const visible = past + Math.ceil(tokens.length / 2);
      const budget = Math.max(LEAST_TOKENS, Math.round((visible * density) / BLOCK_TOKENS) * BLOCK_TOKENS);
      const { plans, table, labels, skipSoftmax } = compilePolicy({ plans: [planOf(isDecode, budget)] }, this.#shape);
      const { layers, kvHeads } = this.#shape;
      const policy = this.#engine.createAttentionPolicy({ layers, kvHeads, plans, table, labels, skipSoftmax });
      return { sequence, state: policy.openSequence(audit), decodeFrom: isDecode ? ALWAYS_DECODE : NEVER_DECODE };
    });
  }
}

function planOf(isDecode: boolean, tokens: number): HeadPlan {
  if (isDecode) {
    const scorer = { phi: 'relu-split', channel: { kind: 'key-bounds' } } as const;
    return { phase: 'decode', branches: [{ range: 'all', scorer, selector: { rule: 'top-k', tokens } }] };
  }
  const scorer = { phi: 'antidiagonal-strip', channel: { kind: 'keys' }, stride: 16 } as const;
  const unit = { kind: 'page', tokens: BLOCK_TOKENS } as const;
  return {
    phase: 'prefill',
    branches: [
      { range: 'sink', tokens: 1 },
      { range: 'middle', unit, scorer, selector: { rule: 'top-k', tokens } },
    ],
  };
}
