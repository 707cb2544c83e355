import { invalidArgument } from '@longhaul/kernel';
import { yarnMagnitude } from '../config/rope-config.js';
import type { ModelManifest, RopeClass, RopeScaling } from '../manifest.js';
import { fingerprintManifest } from '../package/fingerprint.js';

const FIELD = 'rope-scaling';
const MAX_FACTOR = 64;

const KINDS: Readonly<Record<string, (factor: number, originalContext: number) => RopeScaling>> = {
  linear: (factor) => ({ kind: 'linear', factor }),
  dynamic: (factor, originalContext) => ({ kind: 'dynamic', factor, originalContext }),
  yarn: (factor, originalContext) => ({
    kind: 'yarn',
    factor,
    originalContext,
    betaFast: 32,
    betaSlow: 1,
    attentionFactor: yarnMagnitude(factor),
    truncate: true,
  }),
};

function parseOverride(text: string): { kind: string; factor: number } {
  const [kind = '', factorText = '', ...rest] = text.split(':');
  const factor = /^\d+(\.\d+)?$/.test(factorText) ? Number(factorText) : Number.NaN;
  if (rest.length > 0 || !Object.hasOwn(KINDS, kind) || !(factor >= 1 && factor <= MAX_FACTOR)) {
    throw invalidArgument(
      FIELD,
      `${FIELD} must be ${Object.keys(KINDS).join(', ')} followed by :factor with a factor from 1 to ${MAX_FACTOR}, for instance yarn:4.`,
    );
  }
  return { kind, factor };
}

/**
 * Serves a model beyond its trained length: gives the rope classes of its full-attention layers another scaling and
 * multiplies the context length. Classes that only sliding layers use stay, as their distances never grow.
 *
 * @param override `yarn:4`, `linear:2` or `dynamic:2`.
 * @returns a manifest with a fingerprint of its own: KV of the two must not mix.
 * @throws AppError `INVALID_ARGUMENT` for another form, or for a model whose RoPE is scaled already.
 */
export function applyRopeScalingOverride(manifest: ModelManifest, override: string): ModelManifest {
  const { kind, factor } = parseOverride(override);
  const stretched = new Set(
    manifest.layerAttention.filter((layer) => layer.window === null).map((layer) => layer.ropeClass),
  );
  const ropeClasses = manifest.ropeClasses.map((rope, index): RopeClass => {
    if (!stretched.has(index)) return rope;
    if (rope.scaling.kind !== 'default') {
      throw invalidArgument(FIELD, `${FIELD} cannot be used: the model already has ${rope.scaling.kind} scaling.`);
    }
    return { ...rope, scaling: KINDS[kind]?.(factor, manifest.contextLength) ?? rope.scaling };
  });
  if (![...stretched].some((index) => index !== null)) {
    throw invalidArgument(FIELD, `${FIELD} cannot be used: every layer of the model has a sliding window.`);
  }
  const changed = { ...manifest, ropeClasses, contextLength: Math.floor(manifest.contextLength * factor) };
  return { ...changed, fingerprint: fingerprintManifest(changed) };
}
