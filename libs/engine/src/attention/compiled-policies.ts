import {
  compilePolicy,
  DENSE,
  isDensePreset,
  type CompiledPolicy,
  type ModelShape,
  type PolicySpec,
} from '@longhaul/attention';
import { AppError } from '@longhaul/kernel';
import { engineErrors } from '../errors.js';
import { stepPromptTokens, type EngineLimits } from '../limits.js';
import type { ModelRunner } from '../ports.js';
import type { PositionFacts } from './position-rules.js';

/** Policies remembered; the one used longest ago is forgotten first. A compiled one has some kilobytes. */
const MAX_POLICIES = 64;

/** Dense is the same for every model. */
const DENSE_SHAPE: ModelShape = {
  ...{ layers: 1, kvHeads: 1, heads: 1, headDim: 16, windows: [0], kvDtype: 'f32', artefacts: {}, channels: [] },
};

export interface PolicyParts {
  /** What policies are made for; null: the engine computes densely only. */
  readonly shape: ModelShape | null;
  readonly runner: ModelRunner;
  readonly limits: Pick<EngineLimits, 'maxBatchedTokens' | 'maxPrefillTokens' | 'maxSequences'>;
}

/** The policies of requests, made for the model of an engine; each is made once, as long as it is remembered. */
export class CompiledPolicies {
  readonly #parts: PolicyParts;
  readonly #byText = new Map<string, CompiledPolicy>();
  readonly #dense = compilePolicy(DENSE, DENSE_SHAPE);

  constructor(parts: PolicyParts) {
    this.#parts = parts;
  }

  /**
   * @throws AppError `INVALID_ARGUMENT` naming the field, `attention` or one in it: the model cannot be computed so, or this
   * engine cannot.
   */
  of(spec: PolicySpec): CompiledPolicy {
    if (isDensePreset(spec)) return this.#dense;
    const text = JSON.stringify(spec);
    const policy = this.#byText.get(text) ?? this.#make(spec);
    this.#byText.delete(text);
    this.#byText.set(text, policy);
    for (const oldest of this.#byText.keys()) {
      if (this.#byText.size <= MAX_POLICIES) break;
      this.#byText.delete(oldest);
    }
    return policy;
  }

  #make(spec: PolicySpec): CompiledPolicy {
    const { shape, runner, limits } = this.#parts;
    if (shape === null || runner.openAttention === undefined) throw engineErrors.noPolicies();
    const policy = compilePolicy(spec, shape);
    const promptTokens = stepPromptTokens(limits);
    if (policy.alignment > promptTokens) {
      throw engineErrors.stepTooSmall({ policy: policy.name, alignment: policy.alignment, promptTokens });
    }
    for (const each of [policy, policy.denser]) tryOut(each, runner);
    return policy;
  }
}

/** What a runner cannot compute, now or once the request has fallen back, is refused here, and not found out in the middle of an answer. */
function tryOut(policy: CompiledPolicy | null, runner: ModelRunner): void {
  if (policy === null || effective(policy) === null) return;
  try {
    runner.openAttention?.(policy).close();
  } catch (error) {
    throw engineErrors.policyRefused(policy.name, AppError.from(error));
  }
}

/** The policy where it computes anything otherwise than dense attention does; null where it does not. */
export function effective(policy: CompiledPolicy): CompiledPolicy | null {
  return policy.numericsId === '' ? null : policy;
}

/** What a policy says of positions. */
export function positionFacts(policy: CompiledPolicy): PositionFacts {
  const { alignment, exactBelow } = policy;
  return { alignment, exactBelow, exactDecodeBelow: exactDecodeBelow(policy) };
}

/** Generated tokens at positions below look at everything. */
export function exactDecodeBelow({ decodeDense, skipSoftmax, plans, table }: CompiledPolicy): number {
  if (decodeDense) return Infinity;
  if (skipSoftmax > 0) return 0;
  const used = new Set(table.subarray(table.length / 2));
  const sparse = plans.filter(({ rule }, index) => used.has(index) && rule !== 'all');
  return Math.min(...sparse.map(({ denseBelow }) => denseBelow));
}
