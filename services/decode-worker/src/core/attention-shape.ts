import type { AttentionArtefacts, KvMetadataChannel, ModelShape } from '@longhaul/attention';
import type { ModelManifest } from '@longhaul/model';

/** What requests may be allowed to ask for of attention: presets, and whole policies. */
export const attentionChoices = ['dense', 'balanced', 'fast', 'custom'] as const;
export type AttentionChoice = (typeof attentionChoices)[number];

/** What the pool has to keep beside the pages for the policies that are allowed: bounds of the keys for all but dense. */
export function channelsFor(allowed: readonly AttentionChoice[]): readonly KvMetadataChannel[] {
  return allowed.some((choice) => choice !== 'dense') ? ['key-bounds'] : [];
}

/** What attention policies are made for: the model as it is served, and its pool. */
export function attentionShape(
  { name, shape, layerAttention }: Pick<ModelManifest, 'name' | 'shape' | 'layerAttention'>,
  pool: { kvDtype: string; channels: readonly KvMetadataChannel[]; artefacts: AttentionArtefacts },
): ModelShape {
  const { layers, kvHeads, heads, headDim } = shape;
  const windows = layerAttention.map(({ window }) => window ?? 0);
  return { package: name, layers, kvHeads, heads, headDim, windows, ...pool };
}
