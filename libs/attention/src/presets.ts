import { quest } from './methods/quest.js';
import { xattention } from './methods/xattention.js';
import type { ModelShape } from './model-shape.js';
import type { PolicySpec, PresetName, PresetPolicy, WrittenPolicy } from './policy.js';

/** Attention to everything: what a request gets that asks for nothing else. */
export const DENSE: PresetPolicy = Object.freeze({ preset: 'dense' });

/** Context at which presets reach their density. */
const DENSITY_AT_TOKENS = 32_768;
const LEAST_BUDGET_TOKENS = 256;
/** The longest unit of a preset. */
const BUDGET_STEP_TOKENS = 64;

/** What presets add to Quest. */
const SURE = { sinkTokens: 16, windowTokens: 128, radius: 0.5 } as const;

/**
 * A preset written out for a model.
 *
 * `balanced`: XAttention for the prompt (stride 16, mass 0.9), Quest for the answer, with a budget of 12.5 % of 32K tokens
 * over all layers, of which the first two are dense in models of 24 layers or more, as Quest has it; dense below 8,192.
 * Unlike Quest, both presets always look at the first and the last tokens, and count the half widths of bounds by half: a
 * page is then ranked nearer to what its best key reaches (`npm run eval` shows the difference).
 * `fast`: mass 0.8, half of that budget in pages of 64, chosen at every fourth step as LServe does; dense below 4,096.
 */
export function writtenPreset({ preset, ...own }: PresetPolicy, shape: Pick<ModelShape, 'layers'>): WrittenPolicy {
  const { dense_below, audit } = own;
  return {
    ...PRESETS[preset](shape.layers),
    ...(dense_below === undefined ? {} : { dense_below }),
    ...(audit === undefined ? {} : { audit }),
  };
}

/** Whether a policy is a preset of which nothing has been changed. */
export function isPlainPreset(spec: PolicySpec): spec is PresetPolicy {
  return isPreset(spec) && spec.dense_below === undefined && spec.audit === undefined;
}

/** Whether a policy is a preset. */
export function isPreset(spec: PolicySpec): spec is PresetPolicy {
  return 'preset' in spec;
}

/** Whether a policy is the preset `dense`, which means the same for every model. */
export function isDensePreset(spec: PolicySpec): boolean {
  return spec === DENSE || (isPreset(spec) && spec.preset === 'dense');
}

const PRESETS: Readonly<Record<PresetName, (layers: number) => WrittenPolicy>> = {
  dense: () => ({ name: 'dense', plans: [] }),
  balanced: (layers) => {
    const denseLayers = Math.min(2, Math.floor(layers / 12));
    const budgetTokens = budgetFor(layers, { density: 0.125, denseLayers });
    return {
      name: 'balanced',
      dense_below: 8192,
      plans: [...xattention({ mass: 0.9 }), ...quest({ budgetTokens, denseLayers, ...SURE })],
    };
  },
  fast: (layers) => {
    const denseLayers = Math.min(1, Math.floor(layers / 24));
    const budgetTokens = budgetFor(layers, { density: 0.0625, denseLayers });
    const paged = quest({ budgetTokens, denseLayers, pageTokens: 64, everySteps: 4, ...SURE });
    return { name: 'fast', dense_below: 4096, plans: [...xattention({ mass: 0.8 }), ...paged] };
  },
};

/** Tokens for each layer that is not dense, so that all layers together look at `density` of a text of 32K tokens. */
function budgetFor(layers: number, { density, denseLayers }: { density: number; denseLayers: number }): number {
  const share = (density * layers - denseLayers) / (layers - denseLayers);
  return Math.max(
    LEAST_BUDGET_TOKENS,
    Math.floor((DENSITY_AT_TOKENS * share) / BUDGET_STEP_TOKENS) * BUDGET_STEP_TOKENS,
  );
}
