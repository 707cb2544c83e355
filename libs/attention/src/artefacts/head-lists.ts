import type { GatesArtefact, LabelChannelsArtefact, XAttentionThresholdsArtefact } from '../model-shape.js';

type Lists =
  | Pick<GatesArtefact, 'kind' | 'gates'>
  | Pick<LabelChannelsArtefact, 'kind' | 'channels'>
  | Pick<XAttentionThresholdsArtefact, 'kind' | 'thresholds'>;

/** What an artefact says of each head: [layers][kv heads]. */
export function headLists(artefact: Lists): readonly (readonly unknown[])[] {
  switch (artefact.kind) {
    case 'gates':
      return artefact.gates;
    case 'label-channels':
      return artefact.channels;
    case 'xattention-thresholds':
      return artefact.thresholds;
  }
}

/** Whether every head has as many dimensions as the others, each once, and all are below `headDim`. */
export function namesDims(heads: readonly (readonly number[])[], headDim: number): boolean {
  const length = heads[0]?.length ?? 0;
  return heads.every(
    (dims) => dims.length === length && new Set(dims).size === length && dims.every((dim) => dim < headDim),
  );
}
