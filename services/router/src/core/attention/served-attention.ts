import {
  artefactKinds,
  compilePolicy,
  DENSE,
  isDensePreset,
  type ArtefactKind,
  type AttentionChoice,
  type CompiledPolicy,
  type ModelShape,
  type PolicySpec,
  type PresetName,
} from '@longhaul/attention';
import type { AttentionFacts } from '@longhaul/inference';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { Tenant } from '../tenants/tenant.js';
import { choiceOf } from './attention-choice.js';
import { allowedFor, defaultFor, requireAllowed, type AttentionRules } from './attention-rules.js';

/** How the attention of one request is computed. */
export interface ChosenAttention {
  readonly spec: PolicySpec;
  readonly compiled: CompiledPolicy;
}

/** What a caller may have of attention. */
export interface AttentionOffer {
  readonly default: PresetName;
  readonly allowed: readonly AttentionChoice[];
  readonly artefacts: readonly ArtefactKind[];
}

/** Policies that are kept compiled: the same one often comes again and again. */
const KEPT_POLICIES = 64;

/** Dense attention is the same for every model. */
const UNKNOWN_SHAPE: ModelShape = {
  ...{ layers: 0, kvHeads: 0, heads: 0, headDim: 0, windows: [], kvDtype: '', artefacts: {}, channels: [] },
};

/** What requests may ask of the attention of one served model, and what they get. */
export class ServedAttention {
  readonly #rules: AttentionRules;
  readonly #facts: AttentionFacts | undefined;
  /** By their JSON text, the one that was asked for last at the end. */
  readonly #kept = new Map<string, ChosenAttention>();

  /** @param facts undefined where the worker does not tell: nothing but dense is possible then. */
  constructor(rules: AttentionRules, facts: AttentionFacts | undefined) {
    this.#rules = rules;
    this.#facts = facts;
  }

  /**
   * What a request gets.
   *
   * @param asked null: nothing was said.
   * @throws AppError `INVALID_ARGUMENT` naming the field at fault, from `attention` on, where the model forbids the policy;
   * `NOT_SUPPORTED` and `POLICY_NOT_ALLOWED` where it is not allowed.
   */
  choose(asked: PolicySpec | null, tenant: Tenant): ChosenAttention {
    const spec = asked ?? presetSpec(defaultFor(tenant, this.#rules));
    requireAllowed(choiceOf(spec), tenant, this.#rules);
    return this.#compiled(spec);
  }

  /** Which defaults the model forbids, and why: one sentence each, by the flag or the place in the tenants file. */
  faultsOfDefaults(tenants: readonly Tenant[]): readonly string[] {
    const defaults: readonly (readonly [place: string, preset: PresetName])[] = [
      ['--attention-default', this.#rules.default],
      ...tenants.flatMap(({ defaultPolicy }, at) =>
        defaultPolicy === null ? [] : [[`--tenants: tenants[${at}].default_policy`, defaultPolicy] as const],
      ),
    ];
    return defaults.flatMap(([place, preset]) => {
      const problem = this.#problemOf(preset);
      return problem === null ? [] : [`${place}: ${preset}: ${problem}`];
    });
  }

  /** What a tenant gets without asking, what it may ask for that the model does not forbid, and the artefacts that there are for it. */
  offerTo(tenant: Tenant): AttentionOffer {
    const allowed = allowedFor(tenant, this.#rules);
    return {
      default: defaultFor(tenant, this.#rules),
      allowed: allowed.filter((choice) => choice === 'custom' || this.#problemOf(choice) === null),
      artefacts: artefactKinds.filter((kind) => this.#facts?.shape.artefacts[kind] !== undefined),
    };
  }

  /** Why the model forbids a preset, or null. */
  #problemOf(preset: PresetName): string | null {
    try {
      this.#compiled(presetSpec(preset));
      return null;
    } catch (error) {
      return AppError.from(error).message;
    }
  }

  #compile(spec: PolicySpec): CompiledPolicy {
    if (isDensePreset(spec)) return compilePolicy(spec, this.#facts?.shape ?? UNKNOWN_SHAPE);
    if (this.#facts === undefined) throw noPolicies();
    const { shape, stepPromptTokens } = this.#facts;
    const compiled = compilePolicy(spec, shape);
    if (compiled.alignment > stepPromptTokens) throw stepTooSmall(compiled, stepPromptTokens);
    return compiled;
  }

  #compiled(spec: PolicySpec): ChosenAttention {
    const key = JSON.stringify(spec);
    const chosen = this.#kept.get(key) ?? { spec, compiled: this.#compile(spec) };
    this.#kept.delete(key);
    this.#kept.set(key, chosen);
    const [oldest = key] = this.#kept.keys();
    if (this.#kept.size > KEPT_POLICIES) this.#kept.delete(oldest);
    return chosen;
  }
}

/** Dense is the one constant, which whoever checks it again knows at once. */
function presetSpec(preset: PresetName): PolicySpec {
  return preset === DENSE.preset ? DENSE : { preset };
}

function noPolicies(): AppError {
  const message = "attention: the model's worker does not tell what it can do beside dense attention.";
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'NOT_SUPPORTED', message, field: 'attention' });
}

function stepTooSmall({ name, alignment }: CompiledPolicy, stepPromptTokens: number): AppError {
  const needs = `attention: the policy ${name} reads prompts ${alignment} tokens at a time`;
  const message = `${needs}; steps of this server have ${stepPromptTokens} beside those that decode.`;
  return invalidArgument('attention', message, { alignment, stepPromptTokens });
}
