import { createHash } from 'node:crypto';
import {
  isDensePreset,
  isPreset,
  methodCards,
  parsePolicy,
  policyName,
  presetNames,
  writtenPreset,
  type PolicySpec,
  type WrittenPolicy,
} from '@longhaul/attention';
import { invalidArgument } from '@longhaul/kernel';

/** A policy as the run asks for it, and as its rows call it. */
export interface PolicyChoice {
  readonly name: string;
  /** Queries at positions below attend to everything: the least of its plans; null for dense. */
  readonly denseBelow: number | null;
  /** The value of `longhaul.attention` in the request; null sends none. */
  readonly attention: PolicySpec | null;
  /** Of all that the policy says for this model: a journal of another one of this name is refused. */
  readonly digest: string;
}

/** Policies written out in a file. */
export interface PolicyFile {
  readonly path: string;
  readonly json: unknown;
}

export interface Wanted {
  /** Of presets and methods. */
  readonly names: readonly string[];
  readonly files: readonly PolicyFile[];
  /** Of the model: budgets of presets follow from its layers. */
  readonly layers: number;
}

export const DENSE: PolicyChoice = { name: 'dense', denseBelow: null, attention: null, digest: 'dense' };

const NAMES_OPTION = '--policies';
const FILE_OPTION = '--policy-file';

/**
 * What a run compares: dense, then each policy with `dense_below: 0`, so that it is sparse at every length, then with its
 * own value where that is another.
 *
 * @throws AppError `INVALID_ARGUMENT` naming flag and field of what is no policy, and for two policies of one name.
 */
export function policyChoices({ names, files, layers }: Wanted): PolicyChoice[] {
  const specs = [...names.map(namedSpec), ...files.flatMap(specsOf)].filter((spec) => !isDensePreset(spec));
  const all = specs.map(policyName);
  const twice = all.find((name, i) => all.indexOf(name) !== i || name === DENSE.name);
  if (twice !== undefined)
    throw invalidArgument(FILE_OPTION, `${FILE_OPTION}: there are two policies called ${twice}.`);
  return [DENSE, ...specs.flatMap((spec) => variantsOf(spec, layers))];
}

/** The policy as tables and messages call it. */
export function policyTitle({ name, denseBelow }: Pick<PolicyChoice, 'name' | 'denseBelow'>): string {
  return denseBelow === null ? name : `${name} (dense below ${denseBelow})`;
}

/** A preset, or a method of a paper as it is configured here. */
function namedSpec(name: string): PolicySpec {
  const preset = presetNames.find((known) => known === name);
  if (preset !== undefined) return { preset };
  const card = methodCards.find(({ id }) => id === name);
  if (card !== undefined) return { ...card.policy, name };
  throw invalidArgument(
    NAMES_OPTION,
    `${NAMES_OPTION}: ${name} is not one of ${policyNames().join(', ')}. Give one of your own with ${FILE_OPTION}.`,
  );
}

/** Presets, then methods. */
export function policyNames(): string[] {
  return [...new Set<string>([...presetNames, ...methodCards.map(({ id }) => id)])];
}

/** One policy, or a list of them. */
function specsOf({ path, json }: PolicyFile): PolicySpec[] {
  if (!Array.isArray(json)) return [parsePolicy(`${FILE_OPTION} ${path}: policy`, json)];
  return json.map((each, i) => parsePolicy(`${FILE_OPTION} ${path}: policy[${i}]`, each));
}

function variantsOf(spec: PolicySpec, layers: number): PolicyChoice[] {
  const everywhere = choiceOf(sparseEverywhere(spec), layers);
  const own = choiceOf(spec, layers);
  return own.denseBelow === everywhere.denseBelow ? [everywhere] : [everywhere, own];
}

function sparseEverywhere(spec: PolicySpec): PolicySpec {
  if (isPreset(spec)) return { ...spec, dense_below: 0 };
  return { ...spec, dense_below: 0, plans: spec.plans.map((plan) => ({ ...plan, dense_below: 0 })) };
}

function choiceOf(spec: PolicySpec, layers: number): PolicyChoice {
  const written = isPreset(spec) ? writtenPreset(spec, { layers }) : spec;
  const digest = createHash('sha256').update(JSON.stringify(written)).digest('hex').slice(0, 16);
  return { name: policyName(spec), denseBelow: leastDenseBelow(written), attention: spec, digest };
}

function leastDenseBelow({ dense_below = 0, plans }: WrittenPolicy): number {
  // A policy without plans skips what counts nothing, at every position.
  return plans.length === 0 ? dense_below : Math.min(...plans.map((plan) => plan.dense_below ?? dense_below));
}
