import type { AttentionChoice, KvMetadataChannel, ModelShape } from '@longhaul/attention';
import type { ModelManifest } from '@longhaul/model';

/** What the pool has to keep beside the pages for the policies that are allowed: bounds of the keys for all but dense. */
export function channelsFor(allowed: readonly AttentionChoice[]): readonly KvMetadataChannel[] {
  return allowed.some((choice) => choice !== 'dense') ? ['key-bounds'] : [];
}

/** What attention policies are made for: the model as it is served, and its pool. */
export function attentionShape(
  { name, shape, layerAttention, weights }: Pick<ModelManifest, 'name' | 'shape' | 'layerAttention' | 'weights'>,
  pool: Pick<ModelShape, 'kvDtype' | 'channels' | 'artefacts' | 'withoutArtefacts'>,
): ModelShape {
  const { layers, kvHeads, heads, headDim } = shape;
  const windows = layerAttention.map(({ window }) => window ?? 0);
  return { package: `${name}${weightsFlag(weights)}`, layers, kvHeads, heads, headDim, windows, ...pool };
}

/** The command line takes int8 weights where nothing is said. */
function weightsFlag({ scheme }: ModelManifest['weights']): string {
  return scheme === 'int8' ? '' : ` --weights ${scheme}`;
}
