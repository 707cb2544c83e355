import type { ArtefactKind } from '../compiled-policy.js';
import type { AttentionArtefacts, ModelShape } from '../model-shape.js';

/** One of every kind. */
export type MadeArtefacts = { readonly [K in ArtefactKind]: NonNullable<AttentionArtefacts[K]> };

/** Made-up artefacts that fit a model: every kind, no two heads alike. */
export function artefactsFor({ layers, kvHeads, headDim }: ModelShape): MadeArtefacts {
  const perHead = <T>(of: (index: number) => T): T[][] =>
    Array.from({ length: layers }, (_, layer) =>
      Array.from({ length: kvHeads }, (_, head) => of(layer * kvHeads + head)),
    );
  const all = layers * kvHeads;
  return {
    gates: { kind: 'gates', digest: 'a'.repeat(64), gates: perHead((i) => ((i * 7) % all) / all) },
    'label-channels': {
      kind: 'label-channels',
      digest: 'b'.repeat(64),
      channels: perHead((i) => Array.from({ length: headDim }, (_, dim) => (dim + i) % headDim)),
    },
    'xattention-thresholds': {
      ...{ kind: 'xattention-thresholds', digest: 'c'.repeat(64), stride: 16 },
      thresholds: perHead((i) => 0.5 + i / all / 2),
    },
  };
}

/** A model whose package has every artefact. */
export function calibrated(shape: ModelShape): ModelShape {
  return { ...shape, artefacts: artefactsFor(shape) };
}
