import type { AttentionArtefacts, ModelShape } from '@longhaul/attention';

/** Artefacts of every kind that fit a model and say nothing about it: no two heads are alike. */
export function madeArtefacts({
  layers,
  kvHeads,
  headDim,
}: Pick<ModelShape, 'layers' | 'kvHeads' | 'headDim'>): AttentionArtefacts {
  const all = layers * kvHeads;
  const perHead = <T>(of: (index: number) => T): T[][] =>
    Array.from({ length: layers }, (_, layer) =>
      Array.from({ length: kvHeads }, (_, head) => of(layer * kvHeads + head)),
    );
  const channels = (i: number): number[] => Array.from({ length: headDim }, (_, dim) => (dim + 5 * i) % headDim);
  return {
    gates: { kind: 'gates', digest: 'a'.repeat(64), gates: perHead((i) => ((i * 3) % all) / all) },
    'label-channels': { kind: 'label-channels', digest: 'b'.repeat(64), channels: perHead(channels) },
  };
}
