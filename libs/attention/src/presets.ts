import { PAGE_TOKENS } from './bounds.js';
import type { ModelShape } from './model-shape.js';
import type { HeadPlan, PolicySpec, PresetName, PresetPolicy, WrittenPolicy } from './policy.js';

/** Attention to everything: what a request gets that asks for nothing else. */
export const DENSE: PresetPolicy = Object.freeze({ preset: 'dense' });

/** Context at which presets reach their density. */
const DENSITY_AT_TOKENS = 32_768;
const LEAST_BUDGET_TOKENS = 256;

/**
 * A preset written out for a model.
 *
 * `balanced`: XAttention for the prompt (stride 16, mass 0.9), Quest for the answer, with a budget of 12.5 % of 32K tokens
 * over all layers, of which the first two are dense in models of 24 layers or more, as Quest has it; dense below 8,192.
 * `fast`: mass 0.8, half of that budget in pages of 64, chosen at every fourth step as LServe does; dense below 4,096.
 */
export function writtenPreset({ preset, dense_below }: PresetPolicy, shape: Pick<ModelShape, 'layers'>): WrittenPolicy {
  const written = PRESETS[preset](shape.layers);
  return dense_below === undefined ? written : { ...written, dense_below };
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
  balanced: (layers) => ({
    name: 'balanced',
    dense_below: 8192,
    plans: [
      blocks(0.9),
      pages(layers, {
        density: 0.125,
        pageTokens: PAGE_TOKENS,
        everySteps: 1,
        dense: Math.min(2, Math.floor(layers / 12)),
      }),
    ],
  }),
  fast: (layers) => ({
    name: 'fast',
    dense_below: 4096,
    plans: [
      blocks(0.8),
      pages(layers, { density: 0.0625, pageTokens: 64, everySteps: 4, dense: Math.min(1, Math.floor(layers / 24)) }),
    ],
  }),
};

function blocks(mass: number): HeadPlan {
  const scorer = { phi: 'antidiagonal-strip', channel: { kind: 'keys' }, stride: 16 } as const;
  return {
    phase: 'prefill',
    branches: [
      { range: 'sink', tokens: 1 },
      { range: 'middle', scorer, unit: { kind: 'page', tokens: 128 }, selector: { rule: 'top-cdf', mass } },
    ],
  };
}

interface PageBudget {
  readonly density: number;
  readonly pageTokens: number;
  readonly everySteps: number;
  /** Layers from the bottom that stay dense; they count in the density. */
  readonly dense: number;
}

function pages(layers: number, { density, pageTokens, everySteps, dense }: PageBudget): HeadPlan {
  const share = (density * layers - dense) / (layers - dense);
  const units = Math.floor((DENSITY_AT_TOKENS * share) / pageTokens);
  return {
    phase: 'decode',
    ...(dense > 0 ? { layers: [{ from: dense }] } : {}),
    branches: [
      {
        range: 'all',
        unit: { kind: 'page', tokens: pageTokens },
        scorer: { phi: 'relu-split', channel: { kind: 'key-bounds' }, head_reduce: 'max' },
        selector: { rule: 'top-k', tokens: Math.max(LEAST_BUDGET_TOKENS, units * pageTokens) },
        ...(everySteps > 1 ? { reuse: { kind: 'every', steps: everySteps } } : {}),
      },
    ],
  };
}
