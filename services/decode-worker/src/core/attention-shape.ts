import type { AttentionArtefacts, AttentionChoice, KvMetadataChannel, ModelShape } from '@longhaul/attention';
import type { ModelManifest } from '@longhaul/model';

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
